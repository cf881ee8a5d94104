import { type Demo, newId } from 'tenantry'
import type { Database } from './database.ts'

/** The data that `npm start` writes into an empty development database. */
export const demo: Demo<Database> = {
  tenants: [
    demoTenant('Public Tenant', 'Public', 'public'),
    demoTenant('Client 1', 'Client1', 'client1'),
    demoTenant('Client 2', 'Client2', 'client2'),
  ],
  async fill(db, tenant) {
    await db
      .insertInto('projects')
      .values({ id: newId(), name: `${tenant.name} website`, description: 'An example project' })
      .onConflict((it) => it.constraint('projects_name_unique').doNothing())
      .execute()
  },
}

function demoTenant(name: string, title: string, subdomain: string) {
  return {
    name,
    subdomain,
    code: subdomain.toUpperCase(),
    members: [
      demoMember('admin', 'Admin', 'admin_tenant'),
      demoMember('manager', 'Manager', 'manager'),
      demoMember('operator', 'Operator', 'operator'),
    ],
  }

  function demoMember(login: string, role: string, systemRole: string) {
    return {
      email: `${login}@${subdomain}.com`,
      password: `${login}123`,
      full_name: `${title} ${role}`,
      roles: [systemRole],
    }
  }
}
