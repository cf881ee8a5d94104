-- Invitations: who was invited into a tenant, and which roles they will have. A row exists while the
-- invitation is open or has expired; acceptance and revocation delete it, and the audit log says so.
--
-- Invariants
--   * Only the owner of the mailbox can accept: the secret is in single_use_secrets, leaves by mail and is
--     in no column that the app role can read. A further delivery voids the secrets of the earlier ones.
--   * Only the identity role makes a person a member, in the transaction that deletes the invitation. The
--     app role could otherwise disclose a user whose id it learnt.
--   * A role that an open invitation names cannot be deleted.

-- invited_by has no foreign key: the inviter may leave, and then the invitation cannot be accepted.
create table tenantry.invitations (
  tenant_id uuid not null,
  id uuid not null,
  email text not null check (length(email) <= 320),
  email_key text not null check (length(email_key) <= 320),
  full_name text not null default ''
    check (full_name = '' or tenantry.is_display_name(full_name, 200)),
  -- The language of the mail. NULL: the default of the installation.
  locale text check (length(locale) <= 35 and locale ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$'),
  message text not null default '' check (message = '' or tenantry.is_display_name(message, 500)),
  invited_by uuid not null,
  -- Counts the mails. Only the secret of the last one works.
  deliveries integer not null default 1 check (deliveries >= 1),
  created_at timestamptz not null default now(),
  delivered_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, email_key)
);
select tenantry.make_tenant_table('tenantry.invitations');
revoke update on tenantry.invitations from tenantry_app;
grant update (invited_by, deliveries, delivered_at, expires_at) on tenantry.invitations to tenantry_app;

-- invitation_roles: as member_roles.
create table tenantry.invitation_roles (
  tenant_id uuid not null,
  invitation_id uuid not null,
  role text not null check (role ~ '^[a-z][a-z0-9_]{0,62}$'),
  role_id uuid,
  primary key (tenant_id, invitation_id, role),
  constraint invitation_roles_invitation_fkey foreign key (tenant_id, invitation_id)
    references tenantry.invitations (tenant_id, id) on delete cascade,
  constraint invitation_roles_role_fkey
    foreign key (tenant_id, role_id) references tenantry.roles (tenant_id, id)
);
create index invitation_roles_by_role on tenantry.invitation_roles (tenant_id, role_id);
select tenantry.make_tenant_table('tenantry.invitation_roles');
revoke update on tenantry.invitation_roles from tenantry_app;

-- The table is new: there is no row to scan.
alter table tenantry.single_use_secrets
  -- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
  add constraint single_use_secrets_invitation_fkey foreign key (tenant_id, invitation_id)
    references tenantry.invitations (tenant_id, id) on delete cascade;

-- Acceptance runs as the identity role, as all work does that comes before membership is proven.
create policy identity_own_tenant on tenantry.invitations for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_uses_invitations on tenantry.invitations for delete to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, delete on tenantry.invitations to tenantry_identity;
create policy identity_own_tenant on tenantry.invitation_roles for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on tenantry.invitation_roles to tenantry_identity;

-- It compares the invited roles with what the inviter holds now, and adds the person and the member.
create policy identity_own_tenant on tenantry.member_roles for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_adds_members on tenantry.member_roles for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_own_tenant on tenantry.roles for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_own_tenant on tenantry.role_permissions for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_adds_members on tenantry.members for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_adds_users on tenantry.users for insert to tenantry_identity
  with check (is_active and nullif(current_setting('app.tenant_id', true), '') is not null);
grant select (tenant_id, user_id, role, role_id) on tenantry.member_roles to tenantry_identity;
grant select (tenant_id, id, name) on tenantry.roles to tenantry_identity;
grant select on tenantry.role_permissions to tenantry_identity;
grant insert (user_id) on tenantry.members to tenantry_identity;
grant insert (user_id, role, role_id) on tenantry.member_roles to tenantry_identity;
grant insert (id, realm_id, email, email_key, password_hash, full_name, locale, email_verified_at)
  on tenantry.users to tenantry_identity;
