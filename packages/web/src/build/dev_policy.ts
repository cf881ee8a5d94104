/**
 * The content policy of the built pages, except that scripts and styles may be inline, as those of Vite's hot
 * replacement are. `vite dev` sends it as report-only: what a page may not do in production is in the console of
 * the browser while the page is written.
 */
export const devPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self' ws:",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')
