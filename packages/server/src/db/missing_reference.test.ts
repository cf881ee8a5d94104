import { describe, expect, test } from 'vitest'
import { isStillReferenced } from './missing_reference.ts'

const key = { table: 'tasks', constraint: 'tasks_project_id_fkey' }

describe('the message tells which side violated a foreign key', () => {
  test.each([
    ['insert or update on table "tasks" violates foreign key constraint "tasks_project_id_fkey"'],
    [
      'Einfügen oder Aktualisieren in Tabelle »tasks« verletzt Fremdschlüssel-Constraint »tasks_project_id_fkey«',
    ],
  ])('a row that refers to no row: %s', (message) => {
    expect(isStillReferenced({ message, ...key }, 'projects')).toBe(false)
    expect(isStillReferenced({ message, ...key }, 'tasks')).toBe(false)
  })

  test.each([
    [
      'projects',
      'update or delete on table "projects" violates foreign key constraint "tasks_project_id_fkey" on table "tasks"',
    ],
    [
      'tasks',
      'update or delete on table "tasks" violates foreign key constraint "tasks_project_id_fkey" on table "tasks"',
    ],
    [
      'projects',
      'Aktualisieren oder Löschen in Tabelle »projects« verletzt Fremdschlüssel-Constraint »tasks_project_id_fkey« von Tabelle »tasks«',
    ],
    [
      'projects',
      'UPDATE ou DELETE sur la table « projects » viole la contrainte de clé étrangère « tasks_project_id_fkey » de la table « tasks »',
    ],
  ])('a row of %s that other rows refer to: %s', (parent, message) => {
    expect(isStillReferenced({ message, ...key }, parent)).toBe(true)
  })

  test('a constraint with the name of the parent is not counted as the parent', () => {
    const message = 'insert or update on table "tasks" violates foreign key constraint "projects"'
    const named = { message, table: 'tasks', constraint: 'projects' }
    expect(isStillReferenced(named, 'projects')).toBe(false)
  })
})
