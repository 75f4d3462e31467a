// Loaded before the program by the soak (soak.ts): on SIGUSR2 the process collects its garbage and writes down what is left,
// in bytes. `live` is what the program holds; `resident` is all that the process takes, with what its allocators keep free.
import { heapStats } from 'bun:jsc';
import { renameSync, writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  Bun.gc(true);
  const memory = { live: heapStats().heapSize, resident: process.memoryUsage.rss(), at: Date.now() };
  writeFileSync('memory.json.new', JSON.stringify(memory));
  renameSync('memory.json.new', 'memory.json');
});
