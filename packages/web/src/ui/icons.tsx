import type { ReactNode } from 'react'

const shapes = {
  alert: (
    <>
      <path d="M12 4 2.8 19.5h18.4Z" />
      <path d="M12 10v4.2M12 17v.1" />
    </>
  ),
  arrow: <path d="M5 12h14M13 6l6 6-6 6" />,
  back: <path d="M19 12H5M11 6l-6 6 6 6" />,
  check: <path d="m5 12.5 4.5 4.5L19 7.5" />,
  chevron: <path d="m6 9 6 6 6-6" />,
  close: <path d="M6 6l12 12M18 6 6 18" />,
  dots: <path d="M5 12h.01M12 12h.01M19 12h.01" strokeWidth="2.6" />,
  device: (
    <>
      <rect x="4" y="5" width="16" height="11" rx="1.8" />
      <path d="M2.5 19.5h19" />
    </>
  ),
  eye: (
    <>
      <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z" />
      <circle cx="12" cy="12" r="2.8" />
    </>
  ),
  eyeOff: (
    <>
      <path d="M4 4l16 16M9.5 6c.8-.3 1.6-.5 2.5-.5 6 0 9.5 6.5 9.5 6.500a16 16 0 0 1-2.8 3.600M6.3 7.700A15.5 15.5 0 0 0 2.5 12S6 18.5 12 18.500a9 9 0 0 0 4-.9" />
    </>
  ),
  folder: (
    <path d="M3 7.500A1.5 1.5 0 0 1 4.5 6h4.300l2 2.200h8.700A1.5 1.5 0 0 1 21 9.700v8.300a1.5 1.5 0 0 1-1.5 1.500h-15A1.5 1.5 0 0 1 3 18Z" />
  ),
  globe: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M3.5 12h17M12 3.5c2.5 2.4 3.7 5.2 3.7 8.5s-1.2 6.100-3.7 8.500c-2.500-2.400-3.700-5.200-3.700-8.500S9.500 5.900 12 3.500Z" />
    </>
  ),
  home: <path d="M4 10.5 12 4l8 6.500V19a1 1 0 0 1-1 1h-4.500v-5.500h-5V20H5a1 1 0 0 1-1-1Z" />,
  inbox: (
    <>
      <path d="M3.5 13.5 6 5.500h12l2.5 8v5h-17Z" />
      <path d="M3.5 13.500H8.500c.4 1.8 1.7 2.7 3.5 2.700s3.1-.9 3.5-2.700h5" />
    </>
  ),
  image: (
    <>
      <rect x="3.5" y="5" width="17" height="14" rx="2" />
      <circle cx="9" cy="10" r="1.6" />
      <path d="m4 17 5-4.500 3.5 3 3-2.500 4.5 4" />
    </>
  ),
  info: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 11.500v4.500M12 8v.1" />
    </>
  ),
  key: (
    <>
      <circle cx="8" cy="15.5" r="4" />
      <path d="m11 12.5 8.5-8.500M16 7.500l2.5 2.5" />
    </>
  ),
  lock: (
    <>
      <rect x="5" y="10.5" width="14" height="9.5" rx="2" />
      <path d="M8 10.500V8a4 4 0 0 1 8 0v2.5" />
    </>
  ),
  log: <path d="M8.5 6H20M8.5 12H20M8.5 18H20M4 6h.01M4 12h.01M4 18h.01" />,
  mail: (
    <>
      <rect x="3" y="5.5" width="18" height="13" rx="2" />
      <path d="m3.5 7 8.5 6.500L20.5 7" />
    </>
  ),
  menu: <path d="M4 7h16M4 12h16M4 17h16" />,
  moon: <path d="M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z" />,
  offline: (
    <path d="M4 4l16 16M12 19.500h.01M8.5 15.500a5 5 0 0 1 5-1.300M5 12a10 10 0 0 1 4.3-2.500M2.5 8.500a14 14 0 0 1 4.5-2.800M14 9.200A10 10 0 0 1 19 12M11 4.600a14 14 0 0 1 10.5 3.9" />
  ),
  plus: <path d="M12 5v14M5 12h14" />,
  search: (
    <>
      <circle cx="11" cy="11" r="6.5" />
      <path d="m16 16 4.5 4.5" />
    </>
  ),
  settings: (
    <path d="M4 7.500h7.500M16.500 7.500H20M4 16.500h3.500M12.500 16.500H20M14 5v5M10 14v5" />
  ),
  shield: <path d="M12 3.5 5 6v5.500c0 4.3 2.8 7.4 7 9 4.2-1.6 7-4.7 7-9V6Z" />,
  signOut: (
    <path d="M14.5 4.500H6A1.5 1.5 0 0 0 4.5 6v12A1.5 1.5 0 0 0 6 19.500h8.500M10 12h10.500M17 8l4 4-4 4" />
  ),
  trash: (
    <path d="M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10.2 10.500v5.500M13.8 10.500v5.5" />
  ),
  user: (
    <>
      <circle cx="12" cy="8" r="3.8" />
      <path d="M4.5 20c.6-4 3.6-6 7.5-6s6.9 2 7.5 6" />
    </>
  ),
  users: (
    <>
      <circle cx="9" cy="8.5" r="3.5" />
      <path d="M2.5 19.500c.5-3.7 3-5.5 6.5-5.500s6 1.8 6.5 5.500M15.5 5.300a3.5 3.5 0 0 1 0 6.400M17.5 14.600c2.2.7 3.6 2.3 4 4.9" />
    </>
  ),
} satisfies Record<string, ReactNode>

/** The icons of the pages. */
export type IconName = keyof typeof shapes

/** An icon beside a text: it is hidden from screen readers, which read the text. */
export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${className}`}
    >
      {shapes[name]}
    </svg>
  )
}
