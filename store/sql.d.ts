// Migrations are imported `with { type: 'text' }`, so that the compiled executable carries them.
declare module '*.sql' {
  const text: string;
  export default text;
}
