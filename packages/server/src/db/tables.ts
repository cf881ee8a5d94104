// Generated from a migrated database: npm run generate. Do not edit.
import type { ColumnType } from 'kysely'

export interface KernelTables {
  'tenantry.attempt_counters': {
    key: ColumnType<string, string, string>
    attempts: ColumnType<number, number, number>
    resets_at: ColumnType<string, string | Date, string | Date>
  }
  'tenantry.audit_logs': {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    actor_id: ColumnType<string | null, string | null | undefined, string | null>
    session_id: ColumnType<string | null, string | null | undefined, string | null>
    action: ColumnType<string, string, string>
    entity: ColumnType<string, string | undefined, string>
    entity_id: ColumnType<string, string | undefined, string>
    meta: ColumnType<unknown, string | undefined, string>
    request_id: ColumnType<string, string | undefined, string>
    address: ColumnType<string, string | undefined, string>
  }
  'tenantry.domains': {
    name: ColumnType<string, string, string>
    tenant_id: ColumnType<string, string, string>
    verified_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.member_roles': {
    tenant_id: ColumnType<string, string | undefined, string>
    user_id: ColumnType<string, string, string>
    role: ColumnType<string, string, string>
    role_id: ColumnType<string | null, string | null | undefined, string | null>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.members': {
    tenant_id: ColumnType<string, string | undefined, string>
    user_id: ColumnType<string, string, string>
    is_active: ColumnType<boolean, boolean | undefined, boolean>
    is_default: ColumnType<boolean, boolean | undefined, boolean>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.platform_logs': {
    id: ColumnType<string, string, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    reason: ColumnType<string, string, string>
  }
  'tenantry.refresh_tokens': {
    tenant_id: ColumnType<string, string | undefined, string>
    hash: ColumnType<Buffer, Buffer, Buffer>
    session_id: ColumnType<string, string, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
    used_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
  }
  'tenantry.role_permissions': {
    tenant_id: ColumnType<string, string | undefined, string>
    role_id: ColumnType<string, string, string>
    permission: ColumnType<string, string, string>
  }
  'tenantry.roles': {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    name: ColumnType<string, string, string>
    description: ColumnType<string, string | undefined, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.sessions': {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    user_id: ColumnType<string, string, string>
    user_agent: ColumnType<string, string | undefined, string>
    address: ColumnType<string, string | undefined, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    last_seen_at: ColumnType<string, string | Date | undefined, string | Date>
    idle_expires_at: ColumnType<string, string | Date, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
    credentials_epoch: ColumnType<string, string | Date, string | Date>
    revoked_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    revoked_reason: ColumnType<string | null, string | null | undefined, string | null>
  }
  'tenantry.single_use_secrets': {
    tenant_id: ColumnType<string, string | undefined, string>
    hash: ColumnType<Buffer, Buffer, Buffer>
    kind: ColumnType<'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link', 'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link', 'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link'>
    channel: ColumnType<'mail' | 'hand', 'mail' | 'hand', 'mail' | 'hand'>
    origin: ColumnType<string, string, string>
    user_id: ColumnType<string | null, string | null | undefined, string | null>
    credentials_epoch: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    data: ColumnType<unknown, string | undefined, string>
    code_mac: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    attempts: ColumnType<number, number | undefined, number>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
    used_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
  }
  'tenantry.tenants': {
    id: ColumnType<string, string, string>
    name: ColumnType<string, string, string>
    subdomain: ColumnType<string, string, string>
    code: ColumnType<string, string, string>
    status: ColumnType<'active' | 'suspended' | 'deleting', 'active' | 'suspended' | 'deleting' | undefined, 'active' | 'suspended' | 'deleting'>
    branding: ColumnType<unknown, string | undefined, string>
    rate: ColumnType<number | null, number | null | undefined, number | null>
    concurrency: ColumnType<number | null, number | null | undefined, number | null>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.users': {
    id: ColumnType<string, string, string>
    realm_id: ColumnType<string, string | undefined, string>
    email: ColumnType<string, string, string>
    email_key: ColumnType<string, string, string>
    password_hash: ColumnType<string | null, string | null | undefined, string | null>
    full_name: ColumnType<string, string | undefined, string>
    is_active: ColumnType<boolean, boolean | undefined, boolean>
    email_verified_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    sessions_valid_from: ColumnType<string, string | Date | undefined, string | Date>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
}
