import { Spinner } from './button.tsx'

/** The whole page until it is known who is signed in. */
export function Booting() {
  return (
    <div className="grid min-h-dvh place-items-center text-muted">
      <Spinner className="size-5 animate-spin" />
    </div>
  )
}
