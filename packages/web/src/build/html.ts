/** The pages that are built. The account is a page of the console's script. */
export const surfaces = ['auth', 'console'] as const

type Surface = (typeof surfaces)[number]

/** The page of a path: everything below a surface is its page. */
export function pageOf(url: string): Surface | undefined {
  const name = url.split(/[?#]/, 1)[0]?.split('/')[1]
  return name === 'account' ? 'console' : surfaces.find((it) => it === name)
}

// A file of its own would be one more request before the first paint.
const icon =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4f46e5"/><path d="M9 11h14M16 11v12" stroke="#fff" stroke-width="3.2" stroke-linecap="round"/></svg>',
  )

/** The HTML of a surface. It holds no text in any language, no script and no style. */
export function entryHtml(surface: Surface): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <title>Tenantry</title>
    <link rel="icon" type="image/svg+xml" href="${icon}">
    <link rel="stylesheet" href="/tenantry.css">
  </head>
  <body>
    <div id="root"></div>
    <script type="module" src="/tenantry-${surface}"></script>
  </body>
</html>
`
}
