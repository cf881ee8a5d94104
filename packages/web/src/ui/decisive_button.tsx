import { type ComponentProps, useEffect, useState } from 'react'
import { Button } from './button.tsx'

// As long as the slowest double click of an operating system that is usual.
const SETTLE_MS = 700

/**
 * The button of a page that asks one question, to which a link leads. Another page can have a person double-click, and
 * open this one, or close a window in front of it, between the two clicks (DoubleClickjacking): no header prevents that.
 * So it acts only when the page has been in front for a moment, and never for a key that is still held. It must not
 * need a pointer or a key: a screen reader clicks without either.
 */
export function DecisiveButton(props: ComponentProps<typeof Button>) {
  const isSettled = useSettled()
  useEffect(() => {
    document.addEventListener('keydown', ignoreHeldKey, true)
    return () => document.removeEventListener('keydown', ignoreHeldKey, true)
  }, [])
  return (
    <Button
      {...props}
      aria-disabled={!isSettled || undefined}
      onClick={isSettled ? props.onClick : (event) => event.preventDefault()}
    />
  )
}

/** Has the page been in front for a moment? */
function useSettled(): boolean {
  const [isSettled, setSettled] = useState(false)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const begin = () => {
      clearTimeout(timer)
      setSettled(false)
      timer = setTimeout(() => setSettled(true), SETTLE_MS)
    }
    begin()
    window.addEventListener('focus', begin)
    document.addEventListener('visibilitychange', begin)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('focus', begin)
      document.removeEventListener('visibilitychange', begin)
    }
  }, [])
  return isSettled
}

// In a text field, a held space is text.
function ignoreHeldKey(event: KeyboardEvent): void {
  const isOnButton = event.target instanceof HTMLButtonElement
  if (event.repeat && (event.key === 'Enter' || (event.key === ' ' && isOnButton))) {
    event.preventDefault()
  }
}
