import { type DragEvent, useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { textOf } from '../../api/problem.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Logo } from '../../brand/tenant_logo.tsx'
import { useBranding } from '../../brand/use_branding.ts'
import { Button, Spinner } from '../../ui/button.tsx'
import { Confirm } from '../../ui/form/confirm.tsx'
import { Notice } from '../../ui/form/notice.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'
import { LOGO_TYPES, logoOf, UnusableImage } from './logo_image.ts'

/** The logo: chosen or dropped, it is stored immediately. */
export function LogoCard() {
  const { t } = useTranslation('console')
  const query = useBranding()
  return (
    <Card title={t('settings.logo')} description={t('settings.logoText')}>
      <Loaded query={query} loading={<Skeleton rows={1} />}>
        {({ logo, tenant_name }) => <LogoField logo={logo} name={tenant_name} />}
      </Loaded>
    </Card>
  )
}

function LogoField({ logo, name }: { logo: Logo | null; name: string }) {
  const { t } = useTranslation('console')
  const { busy, problem, upload } = useUpload()
  const [removing, setRemoving] = useState(false)
  return (
    <CardBody>
      {problem !== undefined && <Notice look="danger">{problem}</Notice>}
      {logo !== null && (
        <div className="flex flex-wrap items-center gap-4">
          <div className="grid h-20 min-w-20 max-w-full place-items-center overflow-hidden rounded-lg bg-white px-3 ring-1 ring-inset ring-line">
            <img
              src={logo.url}
              alt={t('settings.logoOf', { name })}
              className="max-h-14 max-w-48 object-contain"
            />
          </div>
          <p className="text-sm text-muted">
            {t('settings.logoSize', { width: logo.width, height: logo.height })}
          </p>
          <Button look="removal" icon="trash" className="ml-auto" onClick={() => setRemoving(true)}>
            {t('settings.removeLogo')}
          </Button>
        </div>
      )}
      <DropZone busy={busy} isReplaced={logo !== null} onFile={upload} />
      {removing && <Remove onClose={() => setRemoving(false)} />}
    </CardBody>
  )
}

function useUpload() {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const upload = async (file: File) => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const image = await logoOf(file)
      await api.PUT('/api/tenant/logo', {
        body: image,
        bodySerializer: (it) => it,
        headers: { 'content-type': image.type },
      })
      await refresh('branding', 'setup')
      toast(t('settings.logoStored'))
    } catch (error) {
      setProblem(error instanceof UnusableImage ? t('settings.noImage') : textOf(error))
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, upload: (file: File) => void upload(file) }
}

interface DropZoneProps {
  busy: boolean
  isReplaced: boolean
  onFile: (file: File) => void
}

/** Takes one file: dropped, or chosen in the dialog of the browser. */
function DropZone({ busy, isReplaced, onFile }: DropZoneProps) {
  const { t } = useTranslation('console')
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const { isOver, dropProps } = useDrop(onFile)
  return (
    <div
      {...dropProps}
      data-over={isOver || undefined}
      className="relative grid place-items-center gap-2 rounded-xl border border-dashed border-control-line px-4 py-6 text-center transition-colors focus-within:border-accent focus-within:outline-2 focus-within:outline-accent-text hover:bg-hover data-over:border-accent data-over:bg-accent-soft"
    >
      <span className="grid size-9 place-items-center rounded-lg bg-sunken text-muted ring-1 ring-inset ring-line">
        {busy ? <Spinner /> : <Icon name="image" className="size-5" />}
      </span>
      {/* The label covers the area, so that a click anywhere in it opens the dialog. */}
      <label htmlFor={id} className="font-medium text-accent-text after:absolute after:inset-0">
        {t(isReplaced ? 'settings.replaceLogo' : 'settings.chooseLogo')}
      </label>
      <p className="text-sm text-muted">{t('settings.logoHint')}</p>
      <input
        ref={input}
        id={id}
        type="file"
        accept={[...LOGO_TYPES, 'image/svg+xml'].join(',')}
        disabled={busy}
        className="sr-only"
        onChange={({ target }) => {
          const [file] = target.files ?? []
          if (file !== undefined) onFile(file)
          // The same file may be chosen again after a failure.
          target.value = ''
        }}
      />
    </div>
  )
}

function useDrop(onFile: (file: File) => void) {
  const [isOver, setOver] = useState(false)
  const dropProps = {
    onDragOver: (event: DragEvent) => {
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault()
      setOver(false)
      const [file] = event.dataTransfer.files
      if (file !== undefined) onFile(file)
    },
  }
  return { isOver, dropProps }
}

function Remove({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('console')
  const refresh = useRefresh()
  const remove = async () => {
    await api.DELETE('/api/tenant/logo')
    toast(t('settings.logoRemoved'))
    await refresh('branding', 'setup')
  }
  return (
    <Confirm
      title={t('settings.removeTitle')}
      action={t('settings.removeLogo')}
      act={remove}
      onClose={onClose}
    >
      {t('settings.removeText')}
    </Confirm>
  )
}
