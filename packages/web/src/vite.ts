import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin, PluginOption, UserConfig, ViteDevServer } from 'vite'
import { compressFiles } from './build/compress_files.ts'
import { devPolicy } from './build/dev_policy.ts'
import { entryHtml, pageOf, surfaces } from './build/html.ts'
import { themeScript } from './build/theme_script.ts'

/** Settings of the build. */
export interface WebOptions {
  /** Where `vite dev` sends what the API answers. Default: TENANTRY_ORIGIN, or http://127.0.0.1:8000. */
  api?: string
}

/**
 * Builds Tenantry's pages with those of the app: `main.tsx` is the script of the console, `auth.tsx` that of
 * the sign-in pages, `app.css` their look. A file that is missing is Tenantry's own. Needs no HTML.
 */
export function tenantryWeb(options: WebOptions = {}): PluginOption {
  return [react(), tailwindcss(), pages(options), compressFiles()]
}

const own = (file: string) => fileURLToPath(new URL(file, import.meta.url))

function pages(options: WebOptions): Plugin {
  let root = process.cwd()
  return {
    name: 'tenantry-web',
    config(config) {
      root = resolve(config.root ?? root)
      return buildConfig(root, options)
    },
    configResolved(config) {
      root = config.root
    },
    resolveId(id) {
      const name = id.replace(/^\//, '').replace(`${root.slice(1)}/`, '')
      if (surfaces.some((it) => name === `${it}/index.html`)) return join(root, name)
      return sources(root).get(name)
    },
    load(id) {
      const surface = surfaces.find((it) => id === join(root, `${it}/index.html`))
      return surface === undefined ? undefined : entryHtml(surface)
    },
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        { tag: 'script', attrs: { src: `/${themeScript.fileName}` }, injectTo: 'head-prepend' },
      ],
    },
    generateBundle() {
      this.emitFile({ type: 'asset', ...themeScript })
    },
    configureServer: (server) => serveHtml(server, apiOf(options)),
  }
}

/** Which file each name in the HTML is. */
function sources(root: string): Map<string, string> {
  const extension = import.meta.url.endsWith('.ts') ? 'tsx' : 'js'
  const chosen = (name: string, kernel: string) =>
    existsSync(join(root, name)) ? join(root, name) : own(kernel)
  return new Map([
    ['tenantry-console', chosen('main.tsx', `./console.${extension}`)],
    ['tenantry-auth', chosen('auth.tsx', `./auth.${extension}`)],
    ['tenantry.css', chosen('app.css', '../theme.css')],
  ])
}

function buildConfig(root: string, options: WebOptions): UserConfig {
  const target = apiOf(options)
  // The API reads the tenant from the host, so the proxy must not change it.
  const proxy = { target, changeOrigin: false }
  return {
    appType: 'custom',
    build: {
      target: 'es2023',
      // A page's policy allows no data: scripts and styles; files also cache better.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: Object.fromEntries(surfaces.map((it) => [it, join(root, `${it}/index.html`)])),
        output: {
          codeSplitting: {
            groups: [
              { name: 'base-ui', test: /node_modules[\\/]@(base-ui|floating-ui)/, priority: 1 },
              {
                name: 'react',
                priority: 3,
                test: /node_modules[\\/](react|react-dom|scheduler|use-sync-external-store)[\\/]/,
              },
              { name: 'i18n', test: /node_modules[\\/](i18next|react-i18next)/, priority: 2 },
            ],
          },
        },
      },
    },
    server: {
      allowedHosts: ['.localhost', '.local.com'],
      proxy: { '/api': proxy, '/dev': proxy, '/docs': proxy, '/openapi.json': proxy },
    },
  }
}

function apiOf({ api }: WebOptions): string {
  return api ?? process.env['TENANTRY_ORIGIN'] ?? 'http://127.0.0.1:8000'
}

/** Each path of a surface is its page, as the server has it. */
function serveHtml(server: ViteDevServer, target: string): () => void {
  server.middlewares.use(`/${themeScript.fileName}`, (_request, reply) => {
    reply.setHeader('content-type', 'text/javascript').end(themeScript.source)
  })
  return () => {
    server.middlewares.use((request, reply, next) => {
      const url = request.originalUrl ?? '/'
      const surface = pageOf(url)
      if (surface === undefined) return next()
      nameOf(target)
        .then((name) => server.transformIndexHtml(url, entryHtml(surface, name)))
        .then((html) => {
          reply.setHeader('content-type', 'text/html')
          reply.setHeader('content-security-policy-report-only', devPolicy)
          reply.end(html)
        }, next)
    })
  }
}

/** The name of the app, which the server itself writes into the built pages. Undefined while it does not answer. */
async function nameOf(target: string): Promise<string | undefined> {
  try {
    const { info } = await (await fetch(new URL('/openapi.json', target))).json()
    return info.title
  } catch {
    return undefined
  }
}
