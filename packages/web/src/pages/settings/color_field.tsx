import { useTranslation } from 'react-i18next'
import { accentOf, type Hex, isHex } from '../../brand/accent.ts'
import { Field, lineClass } from '../../ui/form/field.tsx'

const NONE: Hex = '#4f46e5'
const presets: readonly Hex[] = [
  '#4f46e5',
  '#2563eb',
  '#0e7490',
  '#0f766e',
  '#15803d',
  '#b45309',
  '#dc2626',
  '#be185d',
  '#7c3aed',
  '#334155',
]

// Without a colour of its own, a tenant has that of the app's theme, which need not be a hex code as the value must.
const inEffect = '[&::-webkit-color-swatch]:bg-accent! [&::-moz-color-swatch]:bg-accent!'

interface ColorFieldProps {
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

/** A colour by its code, from the colour dialog of the browser, or one of a few. Empty: that of the app. */
export function ColorField({ value, error, onChange }: ColorFieldProps) {
  const { t } = useTranslation('console')
  const given = value.trim().toLowerCase()
  const color = isHex(given) ? given : undefined
  return (
    <div className="grid gap-2.5">
      <Field
        label={t('settings.color')}
        hint={hintOf(color, t)}
        error={error}
        action={
          value !== '' && (
            <button
              type="button"
              onClick={() => onChange('')}
              className="text-sm font-medium text-accent-text hover:underline"
            >
              {t('settings.noColor')}
            </button>
          )
        }
      >
        {(described) => (
          <div className="flex gap-2">
            <input
              type="color"
              aria-label={t('settings.pickColor')}
              value={color ?? NONE}
              onChange={(event) => onChange(event.target.value)}
              className={`h-9 w-12 shrink-0 cursor-pointer rounded-lg bg-surface p-1 shadow-soft ring-1 ring-inset ring-control-line max-sm:h-11 ${color ? '' : inEffect}`}
            />
            <input
              {...described}
              type="text"
              name="color"
              value={value}
              placeholder={t('settings.colorPlaceholder')}
              spellCheck={false}
              autoComplete="off"
              autoCapitalize="none"
              maxLength={7}
              onChange={(event) => onChange(event.target.value)}
              className={`${lineClass} font-mono`}
            />
          </div>
        )}
      </Field>
      <Presets chosen={color} onChoose={onChange} />
    </div>
  )
}

function Presets({ chosen, onChoose }: { chosen: Hex | undefined; onChoose: (it: Hex) => void }) {
  const { t } = useTranslation('console')
  return (
    <fieldset className="flex flex-wrap gap-1.5">
      <legend className="sr-only">{t('settings.presets')}</legend>
      {presets.map((it) => (
        <button
          key={it}
          type="button"
          aria-label={it}
          aria-pressed={it === chosen}
          onClick={() => onChoose(it)}
          style={{ backgroundColor: it }}
          className="size-7 rounded-full ring-1 ring-inset ring-text/15 transition-transform hover:scale-110 aria-pressed:outline-2 aria-pressed:outline-offset-2 aria-pressed:outline-text max-sm:size-9"
        />
      ))}
    </fieldset>
  )
}

function hintOf(color: Hex | undefined, t: ReturnType<typeof useTranslation<'console'>>['t']) {
  if (color === undefined) return t('settings.colorHint')
  if (accentOf(color, 'light')['--accent'] !== color) return t('settings.colorDarker')
  if (accentOf(color, 'dark')['--accent'] !== color) return t('settings.colorLighter')
  return t('settings.colorHint')
}
