/** The pages that are built. The account is a page of the console's script. */
export const surfaces = ['auth', 'console'] as const

type Surface = (typeof surfaces)[number]

/** The page of a path: everything below a surface is its page. */
export function pageOf(url: string): Surface | undefined {
  const name = url.split(/[?#]/, 1)[0]?.split('/')[1]
  return name === 'account' ? 'console' : surfaces.find((it) => it === name)
}

// A file of its own would be one more request before the first paint. The scripts add the letter of the brand.
const icon =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4f46e5"/></svg>',
  )

/** The HTML of a surface. It holds no text in any language, no script and no style; the server writes the app's name. */
export function entryHtml(surface: Surface, app = 'Tenantry'): string {
  const name = app.replaceAll(/[&<"]/g, (it) => `&#${it.charCodeAt(0)};`)
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <meta name="application-name" content="${name}">
    <title>${name}</title>
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
