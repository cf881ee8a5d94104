import { type Bound, type Figure, type Measured, meets } from './figure.ts'

export interface Row {
  figure: Figure
  measured: Measured
}

/** The table, for the terminal and for RESULTS.md. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['figure', 'target', 'measured', 'met']
  const cells = rows.map(({ figure, measured }) => [
    figure.what,
    boundText(figure.target) + figure.unit,
    measuredText(figure, measured),
    meets(figure.target, measured.value) ? 'yes' : '**no**',
  ])
  return [head, head.map(() => '---'), ...cells].map((it) => `| ${it.join(' | ')} |`).join('\n')
}

/** The notes of each figure. */
export function notesOf(rows: readonly Row[]): string {
  return rows
    .map(({ figure, measured }) =>
      [`**${figure.name}**`, ...measured.notes.map((it) => `- ${it}`)].join('\n'),
    )
    .join('\n\n')
}

function measuredText({ unit }: Figure, { value, at }: Measured): string {
  return `${numberText(value)}${unit}${at === undefined ? '' : ` (${at})`}`
}

function boundText(bound: Bound): string {
  return 'atMost' in bound ? `<= ${numberText(bound.atMost)}` : `>= ${numberText(bound.atLeast)}`
}

function numberText(value: number): string {
  if (value > 0 && value < 0.1) return `1/${Math.round(1 / value)}`
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}
