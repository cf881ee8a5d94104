/**
 * A realm is the scope in which an e-mail address names one user. The nil realm spans the whole
 * installation.
 */
export const GLOBAL_REALM = '00000000-0000-0000-0000-000000000000'
