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
    id: ColumnType<string, string | undefined, string>
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
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    name: ColumnType<string, string, string>
    state: ColumnType<'pending' | 'verified' | 'failing' | 'detached', 'pending' | 'verified' | 'failing' | 'detached' | undefined, 'pending' | 'verified' | 'failing' | 'detached'>
    proof: ColumnType<string, string, string>
    is_primary: ColumnType<boolean, boolean | undefined, boolean>
    created_by: ColumnType<string | null, string | null | undefined, string | null>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    checked_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    problem: ColumnType<'missing' | 'different' | 'taken' | 'unreachable' | 'too_large' | null, 'missing' | 'different' | 'taken' | 'unreachable' | 'too_large' | null | undefined, 'missing' | 'different' | 'taken' | 'unreachable' | 'too_large' | null>
    points_here: ColumnType<boolean | null, boolean | null | undefined, boolean | null>
    proof_seen_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    verified_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    failing_since: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    detached_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
  }
  'tenantry.held_names': {
    kind: ColumnType<'subdomain' | 'domain', 'subdomain' | 'domain', 'subdomain' | 'domain'>
    name_digest: ColumnType<string, string, string>
    tenant_digest: ColumnType<string, string, string>
    proof: ColumnType<string | null, string | null | undefined, string | null>
    held_until: ColumnType<string, string | Date, string | Date>
  }
  'tenantry.installation': {
    id: ColumnType<boolean, boolean | undefined, boolean>
    identity_scope: ColumnType<'global' | 'tenant', 'global' | 'tenant' | undefined, 'global' | 'tenant'>
  }
  'tenantry.installation_mails': {
    id: ColumnType<string, string, string>
    kind: ColumnType<string, string, string>
    sign_up_id: ColumnType<string | null, string | null | undefined, string | null>
    email: ColumnType<string | null, string | null | undefined, string | null>
    locale: ColumnType<string | null, string | null | undefined, string | null>
    key_id: ColumnType<string, string, string>
    attempts: ColumnType<number, number | undefined, number>
    due_at: ColumnType<string, string | Date | undefined, string | Date>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.invitation_roles': {
    tenant_id: ColumnType<string, string | undefined, string>
    invitation_id: ColumnType<string, string, string>
    role: ColumnType<string, string, string>
    role_id: ColumnType<string | null, string | null | undefined, string | null>
  }
  'tenantry.invitations': {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    email: ColumnType<string, string, string>
    email_key: ColumnType<string, string, string>
    full_name: ColumnType<string, string | undefined, string>
    locale: ColumnType<string | null, string | null | undefined, string | null>
    message: ColumnType<string, string | undefined, string>
    invited_by: ColumnType<string, string, string>
    deliveries: ColumnType<number, number | undefined, number>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    delivered_at: ColumnType<string, string | Date | undefined, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
  }
  'tenantry.jobs': {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    kind: ColumnType<string, string, string>
    payload: ColumnType<unknown, string | undefined, string>
    actor_id: ColumnType<string | null, string | null | undefined, string | null>
    request_id: ColumnType<string, string | undefined, string>
    state: ColumnType<'ready' | 'later' | 'held' | 'running' | 'parked', 'ready' | 'later' | 'held' | 'running' | 'parked' | undefined, 'ready' | 'later' | 'held' | 'running' | 'parked'>
    reason: ColumnType<'failed' | 'kind_unknown' | 'payload_invalid' | 'worker_lost' | null, 'failed' | 'kind_unknown' | 'payload_invalid' | 'worker_lost' | null | undefined, 'failed' | 'kind_unknown' | 'payload_invalid' | 'worker_lost' | null>
    priority: ColumnType<number, number | undefined, number>
    run_at: ColumnType<string, string | Date | undefined, string | Date>
    due_at: ColumnType<string, string | Date | undefined, string | Date>
    attempts: ColumnType<number, number | undefined, number>
    lost_leases: ColumnType<number, number | undefined, number>
    lease: ColumnType<string | null, string | null | undefined, string | null>
    leased_until: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    last_error: ColumnType<string | null, string | null | undefined, string | null>
    key: ColumnType<string | null, string | null | undefined, string | null>
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
    realm_id: ColumnType<string, string | undefined, string>
    is_active: ColumnType<boolean, boolean | undefined, boolean>
    is_default: ColumnType<boolean, boolean | undefined, boolean>
    email_key: ColumnType<string, string | undefined, string>
    name_key: ColumnType<string, string | undefined, string>
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
  'tenantry.retained_logs': {
    tenant_id: ColumnType<string, string, string>
    id: ColumnType<string, string, string>
    created_at: ColumnType<string, string | Date, string | Date>
    actor_id: ColumnType<string | null, string | null | undefined, string | null>
    session_id: ColumnType<string | null, string | null | undefined, string | null>
    action: ColumnType<string, string, string>
    entity: ColumnType<string, string, string>
    entity_id: ColumnType<string, string, string>
    meta: ColumnType<unknown, string, string>
    request_id: ColumnType<string, string, string>
    address: ColumnType<string, string, string>
    retained_at: ColumnType<string, string | Date | undefined, string | Date>
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
    name_key: ColumnType<string, never, never>
    description: ColumnType<string, string | undefined, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.schedules': {
    name: ColumnType<string, string, string>
    pattern: ColumnType<string, string, string>
    next_at: ColumnType<string, string | Date, string | Date>
    last_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    tenant_after: ColumnType<string | null, string | null | undefined, string | null>
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
    method: ColumnType<'password' | 'magic_link' | 'passkey' | 'sso' | 'hand_over' | 'invitation' | 'sign_up' | 'impersonation', 'password' | 'magic_link' | 'passkey' | 'sso' | 'hand_over' | 'invitation' | 'sign_up' | 'impersonation', 'password' | 'magic_link' | 'passkey' | 'sso' | 'hand_over' | 'invitation' | 'sign_up' | 'impersonation'>
    amr: ColumnType<string[], string[], string[]>
    authenticated_at: ColumnType<string, string | Date | undefined, string | Date>
    kind: ColumnType<'tokens' | 'cookie', 'tokens' | 'cookie', 'tokens' | 'cookie'>
    origin: ColumnType<string, string, string>
    source_id: ColumnType<string | null, string | null | undefined, string | null>
    came_through: ColumnType<string[], string[] | undefined, string[]>
    revoked_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    revoked_reason: ColumnType<string | null, string | null | undefined, string | null>
  }
  'tenantry.sign_ups': {
    id: ColumnType<string, string, string>
    email: ColumnType<string, string, string>
    email_key: ColumnType<string, string, string>
    tenant_name: ColumnType<string, string, string>
    subdomain: ColumnType<string, string, string>
    locale: ColumnType<string | null, string | null | undefined, string | null>
    terms_version: ColumnType<string | null, string | null | undefined, string | null>
    hash: ColumnType<Buffer, Buffer, Buffer>
    code_mac: ColumnType<Buffer, Buffer, Buffer>
    attempts: ColumnType<number, number | undefined, number>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
    used_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
  }
  'tenantry.single_use_secrets': {
    tenant_id: ColumnType<string, string | undefined, string>
    hash: ColumnType<Buffer, Buffer, Buffer>
    kind: ColumnType<'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'invitation' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link', 'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'invitation' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link', 'password_reset' | 'email_verification' | 'email_change' | 'email_undo' | 'invitation' | 'magic_link' | 'second_factor' | 'hand_over' | 'sign_up' | 'sso_state' | 'portal_link'>
    channel: ColumnType<'mail' | 'hand', 'mail' | 'hand', 'mail' | 'hand'>
    origin: ColumnType<string, string, string>
    user_id: ColumnType<string | null, string | null | undefined, string | null>
    invitation_id: ColumnType<string | null, string | null | undefined, string | null>
    credentials_epoch: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    data: ColumnType<unknown, string | undefined, string>
    code_mac: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    attempts: ColumnType<number, number | undefined, number>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    expires_at: ColumnType<string, string | Date, string | Date>
    used_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
  }
  'tenantry.tenant_assets': {
    tenant_id: ColumnType<string, string | undefined, string>
    kind: ColumnType<'logo', 'logo', 'logo'>
    media_type: ColumnType<'image/png' | 'image/jpeg' | 'image/webp', 'image/png' | 'image/jpeg' | 'image/webp', 'image/png' | 'image/jpeg' | 'image/webp'>
    bytes: ColumnType<Buffer, Buffer, Buffer>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.tenants': {
    id: ColumnType<string, string, string>
    name: ColumnType<string, string, string>
    subdomain: ColumnType<string, string, string>
    code: ColumnType<string, string, string>
    status: ColumnType<'active' | 'suspended' | 'deleting', 'active' | 'suspended' | 'deleting' | undefined, 'active' | 'suspended' | 'deleting'>
    branding: ColumnType<unknown, string | undefined, string>
    setup_dismissed_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    realm_id: ColumnType<string, string | undefined, string>
    identity_scope: ColumnType<string, never, never>
    rate: ColumnType<number | null, number | null | undefined, number | null>
    concurrency: ColumnType<number | null, number | null | undefined, number | null>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
  'tenantry.users': {
    id: ColumnType<string, string, string>
    realm_id: ColumnType<string, string | undefined, string>
    identity_scope: ColumnType<string, never, never>
    email: ColumnType<string, string, string>
    email_key: ColumnType<string, string, string>
    password_hash: ColumnType<string | null, string | null | undefined, string | null>
    full_name: ColumnType<string, string | undefined, string>
    locale: ColumnType<string | null, string | null | undefined, string | null>
    is_active: ColumnType<boolean, boolean | undefined, boolean>
    email_verified_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    erase_at: ColumnType<string | null, string | Date | null | undefined, string | Date | null>
    sessions_valid_from: ColumnType<string, string | Date | undefined, string | Date>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
}
