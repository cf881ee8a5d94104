import type { components } from 'tenantry-client'

type Schemas = components['schemas']

export type Account = Schemas['Account']
export type AccountDeletion = Schemas['AccountDeletion']
export type AuditLog = Schemas['AuditLog']
export type Domain = Schemas['Domain']
export type Invitation = Schemas['Invitation']
export type Me = Schemas['Me']
export type Member = Schemas['Member']
export type MemberPermission = Schemas['MemberPermission']
export type Role = Schemas['Role']
export type TenantSettings = Schemas['TenantSettings']
export type TenantSetup = Schemas['TenantSetup']
export type Session = Schemas['Session']
