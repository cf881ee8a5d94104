/** Every static check and its command. The slow ones come first, so that the quick ones fill the gaps. */
export const checks: Record<string, string> = {
  generated: 'tsx scripts/generate.ts --check',
  package: 'tsx scripts/package.ts',
  types: 'tsc && tsc -p packages/web && tsc -p starter/web',
  'client-types':
    'tsc -p packages/client/test && node packages/codegen/node_modules/typescript/bin/tsc -p packages/client/test',
  'dead-code': 'knip --treat-config-hints-as-errors',
  imports: 'node scripts/imports.mjs',
  lint: 'biome ci --error-on-warnings --diagnostic-level=warn --max-diagnostics=100 --colors=off',
  api: 'tsx scripts/api.ts',
  agents: 'tsx scripts/documents/agents.ts',
  links: 'tsx scripts/documents/links.ts',
  greps: 'tsx scripts/greps.ts',
  sizes: 'tsx scripts/measure.ts',
  migrations: 'squawk packages/*/migrations/*.up.sql starter/migrations/*.up.sql',
  compose: 'dclint --config .dclint.yaml --max-warnings 0 starter/deploy/compose*.yaml',
  licences: 'tsx scripts/licences.ts',
  lockfile: ['.', 'bench'].map(lockfileChecks).join(' && '),
}

function lockfileChecks(folder: string): string {
  const lint = `lockfile-lint --path ${folder}/package-lock.json --type npm --allowed-hosts npm`
  const validate = '--validate-https --validate-package-names --validate-integrity'
  return `${lint} ${validate} && tsx scripts/lockfile.ts ${folder}`
}
