// A process that tries to use one TOTP step of one account, for a test of two at once: prints how often that went well.
import { openUsers } from '../../store/open.ts';
import { completeAttempt, getUser } from '../../store/users.ts';

const [path = '', name = '', steps = '0'] = process.argv.slice(2);
const store = openUsers(path, { create: false });
if (store === null) throw new Error(`no database at ${path}`);
let used = 0;
for (let totpStep = 1; totpStep <= Number(steps); totpStep++) {
  const user = getUser(store.db, name);
  if (user !== null && completeAttempt(store.db, user, { totpStep }, totpStep)) used += 1;
}
store.close();
console.log(used);
