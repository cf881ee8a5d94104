import { createHash } from 'node:crypto'

// Before the first paint, and therefore not part of a module: a module runs after the page was shown.
// `auto` and anything unknown leave the choice to the system.
const source = `(() => {
  const root = document.documentElement
  try {
    const theme = localStorage.getItem('tenantry.theme')
    const dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
    root.classList.toggle('dark', dark)
    root.lang = localStorage.getItem('tenantry.locale') || root.lang
  } catch {
    // Storage is blocked: the theme is light.
  }
})()
`

/** The script that sets the theme before the first paint. */
export const themeScript = {
  fileName: `assets/theme-${createHash('sha256').update(source).digest('base64url').slice(0, 8)}.js`,
  source,
}
