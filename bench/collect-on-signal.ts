// Loaded before the program by the soak (soak.ts): on SIGUSR2 the process collects its garbage and writes down what is left.
import { renameSync, writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  Bun.gc(true);
  writeFileSync('memory.json.new', JSON.stringify({ rss: process.memoryUsage.rss(), at: Date.now() }));
  renameSync('memory.json.new', 'memory.json');
});
