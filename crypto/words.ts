// The 256 words in which fingerprints are read aloud: one word for each byte value. Common English words of four
// to eight letters, chosen to be told apart over a bad line: turning one into another takes three letters at least.

/** One word per byte value; lowercase, unique. */
export const FINGERPRINT_WORDS: readonly string[] = `
absent acid adult afraid airport album almond alpine amber anchor angel ankle april arctic artist aspen atlas autumn
award bacon badge ballet bamboo banjo barrel beaver bedroom berry birch biscuit blanket blossom bonfire border
bottle bouquet bronze brother bubble bucket butter cabin cactus camel canyon cargo carpet castle cello chicken
chimney circus clover cobra coffee compass concert copper cotton cousin cowboy crystal cushion cyclone daisy dancer
daughter decade denim dentist desert diamond doctor dolphin donkey dozen dragon drummer dungeon eagle echo eclipse
elbow eleven empire engine envoy escort essay evening fabric farmer feather fiddle finger flute forest fortune
fossil fountain freckle freezer friday funnel gallop garden garlic gazelle giraffe glacier goblet granite grocer
guitar gypsum harbor harvest helmet herring hiccup highway hotel husband iceberg igloo insect island ivory jaguar
jasmine jigsaw journey jumbo jungle kayak kidney kingdom kitchen kiwi knuckle ladder lagoon lantern laptop lemon
leopard lettuce lizard lobster magnet mammal marble mascot meadow medal mermaid method midnight mirror morning
mosaic muffin mustard napkin needle nephew nickel north nutmeg oasis oatmeal ocean olive onion opera orbit orchid
ostrich oxygen ozone palace pancake panda paper peanut pencil penguin pickle pigeon pillow pirate plywood poet
prairie puzzle quarter queen quilt quiver rabbit raisin raven receipt ribbon royal rubber runway salad saturn
scissors season shampoo sherpa shoulder signal silver skillet sparrow spider spinach squirrel statue sunset sweater
syrup tailor teapot temple tennis thimble thunder topaz tractor trophy trumpet tulip turtle twilight upstairs urban
vacuum vessel vivid voyage vulture waffle walker walnut wedding whisper widow wombat yacht yogurt zenith zigzag
`
  .trim()
  .split(/\s+/);

/** The words of a byte string, one for each byte. */
export function toWords(bytes: Uint8Array): readonly string[] {
  return Array.from(bytes, (byte) => {
    const word = FINGERPRINT_WORDS[byte];
    if (word === undefined) throw new Error('the word list must have 256 words');
    return word;
  });
}
