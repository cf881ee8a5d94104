import {
  type AnyRoute,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
} from '@tanstack/react-router'
import type { ComponentType } from 'react'
import { isLoadFailure } from '../api/problem.ts'
import { mayOpen, type Page, type PageProps, urlOf } from '../page.ts'
import { useSession } from '../session/session.tsx'
import { Card } from '../ui/layout.tsx'
import { Failed, Forbidden, Missing, Skeleton } from '../ui/states.tsx'
import type { Brand } from './brand.tsx'
import { searchText } from './filters.ts'
import { Shell } from './shell.tsx'

/** The routes of the pages. Each page's code is loaded when it is opened. */
export function routerOf(pages: readonly Page[], nav: readonly Page[], brand: Brand) {
  const root = createRootRoute({
    component: () => (
      <Shell brand={brand} pages={nav}>
        <Outlet />
      </Shell>
    ),
    notFoundComponent: () => (
      <Card>
        <Missing isPage />
      </Card>
    ),
  })
  const routes = pages.map((it) => routeOf(root, it))
  return createRouter({
    routeTree: root.addChildren(routes),
    defaultPreload: 'intent',
    defaultPendingMs: 200,
    defaultPendingComponent: PendingPage,
    defaultErrorComponent: ({ error, reset }) => (
      <Card>
        <Failed isPage error={error} retry={isLoadFailure(error) ? reloadPage : reset} />
      </Card>
    ),
    scrollRestoration: true,
    trailingSlash: 'never',
    ...searchText,
  })
}

function routeOf(root: AnyRoute, page: Page) {
  const path = urlOf(page.path).replaceAll(/:(\w+)/g, '$$$1')
  const content = loadOnce(page.load)
  const route = createRoute({
    getParentRoute: () => root,
    path,
    loader: content.load,
    component: () => {
      const { permissionSet } = useSession()
      const params = route.useParams()
      if (!mayOpen(page, permissionSet)) {
        return (
          <Card>
            <Forbidden isPage />
          </Card>
        )
      }
      const Content = content.loaded()
      return Content && <Content params={params} />
    },
  })
  return route
}

// The router's own lazy components reload the page when a file is missing: offline that loses the page.
function loadOnce(load: Page['load']) {
  let loaded: ComponentType<PageProps> | undefined
  return {
    load: async () => {
      loaded ??= (await load()).Page
    },
    loaded: () => loaded,
  }
}

// A browser may remember that a file could not be loaded: only a new page asks again.
function reloadPage(): void {
  location.reload()
}

function PendingPage() {
  return (
    <Card>
      <Skeleton rows={6} />
    </Card>
  )
}
