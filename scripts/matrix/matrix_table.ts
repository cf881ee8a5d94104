/** The result of one run of the suite: a line of docs/compatibility.md. */
export interface Row {
  postgres: string
  node: string
  passed: number
  failed: number
  files: string
  on: string
}

const HEADER = '| PostgreSQL | Node | result | tests | on |\n|---|---|---|---|---|\n'
const BLOCK = /(<!-- results:begin[^\n]*-->\n)([\s\S]*)(<!-- results:end -->)/

/** The page with these results, which replace older ones of the same server, Node and tests. */
export function withRows(page: string, rows: readonly Row[]): string {
  const [, , block] = BLOCK.exec(page) ?? []
  if (block === undefined) throw new Error('the page has no "<!-- results:begin -->" to "end -->"')
  const kept = block.split('\n').filter((it) => /^\| \d/.test(it) && !rows.some(sameRun(it)))
  const lines = [...kept, ...rows.map(lineOf)].sort()
  return page.replace(
    BLOCK,
    (_all, begin, _old, end) => `${begin}${HEADER}${lines.join('\n')}\n${end}`,
  )
}

function lineOf({ postgres, node, passed, failed, files, on }: Row): string {
  const result = failed > 0 ? `**${failed} failed**, ${passed} passed` : `${passed} passed`
  return `| ${postgres} | ${node} | ${result} | ${files} | ${on} |`
}

function sameRun(line: string): (row: Row) => boolean {
  const [, postgres = '', node = '', , files] = line.split('|').map((it) => it.trim())
  return (row) =>
    lineName(row.postgres) === lineName(postgres) &&
    lineName(row.node) === lineName(node) &&
    row.files === files
}

/** `15.20 (Debian)` and `15.21 (Debian)` are one line of versions, apart from npm's 15. */
function lineName(version: string): string {
  return version.replace(/(\.\d+)+/, '')
}
