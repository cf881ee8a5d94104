import { useEffect, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { textOf } from '../api/problem.ts'
import { IconButton } from './button.tsx'
import { Icon } from './icons.tsx'

interface Toast {
  id: number
  text: string
  failed: boolean
}

const SHOWN_MS = 6_000

let toasts: readonly Toast[] = []
let last = 0
const listeners = new Set<() => void>()

/** Says in a corner of the page that something was done. */
export function toast(text: string): void {
  add(text, false)
}

/** Says in a corner of the page that something failed. */
export function toastProblem(error: unknown): void {
  add(textOf(error), true)
}

function add(text: string, failed: boolean): void {
  last += 1
  change([...toasts.slice(-2), { id: last, text, failed }])
}

function remove(id: number): void {
  change(toasts.filter((it) => it.id !== id))
}

function change(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Where toasts appear. Screen readers read them without losing their place. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-4 z-50 grid justify-items-end gap-2 sm:left-auto sm:w-96"
    >
      {shown.map((it) => (
        <ToastItem key={it.id} toast={it} />
      ))}
    </div>
  )
}

function ToastItem({ toast: { id, text, failed } }: { toast: Toast }) {
  const { t } = useTranslation('console')
  useEffect(() => {
    // A failure stays until the person has seen it.
    if (failed) return
    const timer = setTimeout(() => remove(id), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [id, failed])
  return (
    <div className="pointer-events-auto flex w-full animate-enter items-center gap-2.5 rounded-xl bg-surface py-2 pl-4 pr-2 shadow-raised ring-1 ring-line">
      <Icon
        name={failed ? 'alert' : 'check'}
        className={failed ? 'size-4 text-danger-text' : 'size-4 text-success-text'}
      />
      <p className="min-w-0 flex-1 break-words text-sm">{text}</p>
      <IconButton icon="close" label={t('action.close')} onClick={() => remove(id)} />
    </div>
  )
}
