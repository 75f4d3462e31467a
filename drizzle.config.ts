// How drizzle-kit makes the migrations: `npx drizzle-kit generate --name NAME` after a change of store/schema.ts, and
// `npx drizzle-kit generate --custom --name NAME` for what a schema cannot say (triggers). Both go into migrations/
// together with its meta folder, and store/migrations.ts then lists the new file.
import { defineConfig } from 'drizzle-kit';

export default defineConfig({ dialect: 'sqlite', schema: './store/schema.ts', out: './migrations' });
