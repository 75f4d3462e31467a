// What imports with `type: 'text'` give: the content of the file.
declare module '*.css' {
  const text: string;
  export default text;
}
declare module '*.svg' {
  const text: string;
  export default text;
}
declare module '*.js' {
  const text: string;
  export default text;
}
