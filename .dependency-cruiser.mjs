// Which files may import which. `npm run check -- imports` reads these rules; scripts/imports.test.ts
// breaks each of them once and fails when the break is not found.

// What an invitation shares with a password.
const signingIn =
  'sessions/(open_session|sign_in|sign_in_deps|browser_sessions|token_grants|sign_in\\.schema)\\.ts$'

const kernel = '^packages/server/src/'
// An app for the kernel's tests, and bound as an app is.
const fixtureApp = '^packages/server/test/fixtures/app/'
const tests = '\\.test\\.ts$|^packages/server/(test|src/testing)/'

/**
 * @typedef {import('dependency-cruiser').IRegularForbiddenRuleType} Rule
 * @type {(name: string, comment: string, from: Rule['from'], to: Rule['to']) => Rule}
 */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    rule(
      'no-cycles',
      'Files that import each other in a circle cannot be understood one by one.',
      {},
      { circular: true },
    ),
    rule(
      'resolvable',
      'An import that cannot be found cannot be checked.',
      {},
      { couldNotResolve: true },
    ),

    rule(
      'app-uses-public-entry',
      'An app is upgraded with npm: files that `tenantry` does not export may change.',
      { path: `^starter/|${fixtureApp}` },
      { path: '^packages/', pathNot: `${kernel}(index|testing)\\.ts$|${fixtureApp}` },
    ),
    rule(
      'testing-in-tests-only',
      '`tenantry/testing` brings vitest and the scope across all tenants.',
      { path: '^starter/', pathNot: '\\.test\\.ts$|^starter/vitest\\.' },
      { path: `${kernel}testing(\\.ts$|/)` },
    ),
    rule(
      'kernel-knows-no-app',
      "The kernel works for every app, and a starter that its user has changed breaks no kernel test. Only the test of the README's examples imports it, because they are the starter's.",
      { path: '^packages/', pathNot: '^packages/server/test/api/readme\\.test\\.ts$' },
      { path: '^starter/' },
    ),
    rule(
      'sources-need-no-scripts',
      'Scripts check and generate the sources; the sources run without them.',
      { path: '^(packages|starter)/' },
      { path: '^scripts/' },
    ),

    rule(
      'scaffolder-stands-alone',
      '`npm create tenantry` installs this package without dependencies.',
      { path: '^packages/create-tenantry/', pathNot: tests },
      { pathNot: '^packages/create-tenantry/', dependencyTypesNot: ['core'] },
    ),

    rule(
      'only-wiring-knows-modules',
      'Mechanisms serve every module; runtime/, the CLI and the test kit put modules together.',
      { path: kernel, pathNot: `${kernel}(modules|runtime|cli|testing)/|${tests}` },
      { path: `${kernel}modules/` },
    ),
    rule(
      'modules-keep-their-internals',
      'Another module may import the file named for the noun, modules/<noun>/<noun>.ts, and its mails.',
      { path: `${kernel}modules/([^/]+)/`, pathNot: tests },
      {
        path: `${kernel}modules/`,
        // A module's routes are for runtime/, its queries for every module. So are its mails: every module
        // may add the job of one. Each way in opens a session by the steps of signing in.
        pathNot: `${kernel}modules/($1/|([^/]+)/(\\2|[^/]+\\.mail)\\.ts$|${signingIn})`,
      },
    ),
    rule(
      'modules-import-no-http',
      'The pipeline calls a module and runtime/ wires it; a job can run a module too.',
      { path: `${kernel}modules/`, pathNot: tests },
      { path: `${kernel}(http|cli|runtime|testing)/|${kernel}testing\\.ts$` },
    ),
    rule(
      'wiring-is-the-top',
      'Wired parts do not import their wiring.',
      { path: kernel, pathNot: `${kernel}(runtime|cli|testing)/|${kernel}testing\\.ts$|${tests}` },
      { path: `${kernel}(runtime|cli)/` },
    ),
    rule(
      'public-entry-is-for-apps',
      'Inside the kernel each name is imported from its own file.',
      { path: kernel, pathNot: tests },
      { path: `${kernel}(index|testing)\\.ts$` },
    ),
    rule(
      'testing-is-for-tests',
      'A server must not need vitest.',
      { path: kernel, pathNot: `${kernel}testing\\.ts$|${tests}` },
      { path: `${kernel}testing/` },
    ),

    rule(
      'framework-in-two-files',
      'Only http/server.ts and http/framework.ts know which framework it is.',
      { path: kernel, pathNot: `${kernel}http/(server|framework)\\.ts$` },
      { path: '(^|/)node_modules/(fastify|@fastify/[^/]+)/' },
    ),
    rule(
      'driver-in-db',
      'Code that holds a connection can bypass the scopes of db/tenancy.ts. Tests have to try.',
      {
        path: '^(packages|starter|scripts)/',
        // The listener holds a connection of its own, as LISTEN must, and reads no row.
        pathNot: `${kernel}(db/|invalidation/listener\\.ts$)|${tests}`,
      },
      { path: '(^|/)node_modules/(@types/pg|pg|pg-[^/]+|node-pg-migrate)/' },
    ),
    rule(
      'served-by-dependencies',
      "An app's installation leaves out this repository's devDependencies.",
      { path: `${kernel}|^starter/src/`, pathNot: tests },
      {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm-peer', 'npm'],
      },
    ),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    // Its parser does not know JSX: Biome looks for cycles there, and each page compiles alone.
    exclude: { path: '/dist/|^(packages|starter)/web/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.d.ts', '.js', '.mjs', '.json'],
    },
  },
}
