import { useState } from 'react'
import {
  Button,
  Card,
  type Column,
  Loaded,
  Menu,
  More,
  PageHeader,
  State,
  Table,
  Time,
  useSession,
  useTranslation,
} from 'tenantry-web'
import { type Schemas, useList } from '../client.ts'
import { DeleteProject, EditProject, NewProject } from './project_dialogs.tsx'

type Project = Schemas['Project']
type Opened = { dialog: 'new' } | { dialog: 'edit' | 'delete'; project: Project }

/** The projects of the tenant: list, create, change, delete. */
export function Page() {
  const { t } = useTranslation('app')
  const { can } = useSession()
  const list = useList('projects', '/api/projects')
  const [opened, open] = useState<Opened>()
  const columns = useColumns(open)
  const create = can('projects:create') && (
    <Button look="primary" icon="plus" onClick={() => open({ dialog: 'new' })}>
      {t('projects.new')}
    </Button>
  )
  const edit = (project: Project) => open({ dialog: 'edit', project })
  return (
    <>
      <PageHeader title={t('projects.title')} description={t('projects.lead')} actions={create} />
      <Card>
        <Loaded query={list.query}>
          {(projects) =>
            projects.length === 0 ? (
              <State icon="folder" title={t('projects.none')} text={t('projects.noneText')} />
            ) : (
              <>
                <Table
                  label={t('projects.title')}
                  columns={columns}
                  rows={projects}
                  rowKey={(it) => it.id}
                  {...(can('projects:update') && { onOpen: edit })}
                />
                <More {...list} count={projects.length} />
              </>
            )
          }
        </Loaded>
      </Card>
      {opened !== undefined && <OpenedDialog opened={opened} onClose={() => open(undefined)} />}
    </>
  )
}

function OpenedDialog({ opened, onClose }: { opened: Opened; onClose: () => void }) {
  if (opened.dialog === 'new') return <NewProject onClose={onClose} />
  if (opened.dialog === 'edit') return <EditProject id={opened.project.id} onClose={onClose} />
  return <DeleteProject project={opened.project} onClose={onClose} />
}

function useColumns(open: (opened: Opened) => void): Column<Project>[] {
  const { t } = useTranslation('app')
  return [
    {
      key: 'name',
      title: t('projects.project'),
      className: 'w-full max-w-0',
      cell: (it) => (
        <span className="grid leading-snug">
          <span className="truncate font-medium" dir="auto" title={it.name}>
            {it.name}
          </span>
          <span className="truncate text-sm text-muted" dir="auto">
            {it.description}
          </span>
        </span>
      ),
    },
    {
      key: 'updated_at',
      title: t('projects.updated'),
      wide: true,
      className: 'text-sm text-muted',
      cell: (it) => <Time at={it.updated_at} />,
    },
    { key: 'menu', end: true, cell: (it) => <ProjectMenu project={it} open={open} /> },
  ]
}

function ProjectMenu({ project, open }: { project: Project; open: (opened: Opened) => void }) {
  const { t } = useTranslation('app')
  const { can } = useSession()
  const edit = { label: t('projects.edit'), act: () => open({ dialog: 'edit', project }) }
  const remove = {
    label: t('projects.delete'),
    danger: true,
    act: () => open({ dialog: 'delete', project }),
  }
  const items = [
    ...(can('projects:update') ? [edit] : []),
    ...(can('projects:delete') ? [remove] : []),
  ]
  return <Menu label={t('projects.menu', { name: project.name })} items={items} />
}
