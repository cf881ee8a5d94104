/**
 * The identity scope of users: one e-mail is one person within a realm. The nil realm spans the
 * whole installation.
 */
export const GLOBAL_REALM = '00000000-0000-0000-0000-000000000000'
