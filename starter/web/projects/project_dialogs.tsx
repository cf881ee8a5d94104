import {
  Confirm,
  Dialog,
  DialogForm,
  ifMatch,
  Loaded,
  TextArea,
  TextField,
  toast,
  useForm,
  useRefresh,
  useTranslation,
} from 'tenantry-web'
import { api, type Schemas, useVersion } from '../client.ts'

type Project = Schemas['Project']

const blank = { name: '', description: '' }

interface ProjectFormProps {
  initial: typeof blank
  store: (values: typeof blank, overwrite: boolean) => Promise<void>
  /** Reads the latest version of a project that was changed meanwhile. */
  reload?: () => void
  onClose: () => void
}

function ProjectForm({ initial, store, reload, onClose }: ProjectFormProps) {
  const { t } = useTranslation('app')
  const form = useForm({ initial, submit: store })
  return (
    <DialogForm form={form} onClose={onClose} {...(reload && { reload })}>
      <TextField label={t('projects.name')} maxLength={200} {...form.text('name')} />
      <TextArea label={t('projects.description')} maxLength={2000} {...form.text('description')} />
    </DialogForm>
  )
}

export function NewProject({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('app')
  const refresh = useRefresh()
  const store = async (body: typeof blank) => {
    await api.POST('/api/projects', { body })
    toast(t('projects.created', { name: body.name }))
    onClose()
    await refresh('projects')
  }
  return (
    <Dialog keep title={t('projects.new')} onClose={onClose}>
      <ProjectForm initial={blank} store={store} onClose={onClose} />
    </Dialog>
  )
}

/** Reads the project first: the change is made from that version, and never over a later one unasked. */
export function EditProject({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation('app')
  const refresh = useRefresh()
  const path = { project_id: id }
  const query = useVersion('projects', '/api/projects/{project_id}', { path })
  return (
    <Dialog keep title={t('projects.edit')} onClose={onClose}>
      <Loaded query={query}>
        {(read) => (
          <ProjectForm
            key={read.etag}
            initial={{ name: read.data.name, description: read.data.description }}
            reload={() => void query.refetch()}
            onClose={onClose}
            store={async (body, overwrite) => {
              const version = !overwrite && ifMatch(read)
              await api.PATCH('/api/projects/{project_id}', { params: { path }, body, ...version })
              toast(t('projects.stored', { name: body.name }))
              onClose()
              await refresh('projects')
            }}
          />
        )}
      </Loaded>
    </Dialog>
  )
}

interface DeleteProjectProps {
  project: Project
  onClose: () => void
}

export function DeleteProject({ project: { id, name }, onClose }: DeleteProjectProps) {
  const { t } = useTranslation('app')
  const refresh = useRefresh()
  const remove = async () => {
    await api.DELETE('/api/projects/{project_id}', { params: { path: { project_id: id } } })
    toast(t('projects.deleted', { name }))
    await refresh('projects')
  }
  return (
    <Confirm
      title={t('projects.deleteTitle', { name })}
      action={t('projects.delete')}
      name={name}
      act={remove}
      onClose={onClose}
    >
      {t('projects.deleteText')}
    </Confirm>
  )
}
