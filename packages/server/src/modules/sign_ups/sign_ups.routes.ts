import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { type ConfirmSignUpDeps, confirmSignUp, previewSignUp } from './confirm_sign_up.ts'
import {
  ConfirmedSignUp,
  NewSignUp,
  SignUpConfirmation,
  SignUpPath,
  SignUpPreview,
  SignUpProof,
  StartedSignUp,
} from './sign_ups.schema.ts'
import { startSignUp } from './sign_ups.ts'

const { post } = createRoutes<never, never, never>()

export function signUpRoutes(deps: ConfirmSignUpDeps): Route[] {
  return [
    post('/api/sign-ups', {
      access: 'base',
      summary: 'Sign up: get a mail with a code that creates a tenant',
      description: 'The answer does not tell whether the address has an account.',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      body: NewSignUp,
      reply: StartedSignUp,
      status: 202,
      errors: [409],
      handle: (ctx, { body }) => startSignUp(deps, ctx, body),
    }),
    post('/api/sign-ups/:sign_up_id/preview', {
      access: 'base',
      summary: 'Get what a sign-up will create, with the code of its mail',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      params: SignUpPath,
      body: SignUpProof,
      reply: SignUpPreview,
      handle: (ctx, { params, body }) => previewSignUp(deps, ctx, params.sign_up_id, body),
    }),
    post('/api/sign-ups/:sign_up_id/confirmation', {
      access: 'base',
      summary: 'Create the tenant of a sign-up, with the code of its mail',
      description: 'An account that exists owns the tenant, and signs in there with its password.',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      // Ends the sessions of an account whose address was not verified, and makes a host known.
      revokes: true,
      params: SignUpPath,
      body: SignUpConfirmation,
      reply: ConfirmedSignUp,
      status: 201,
      errors: [409],
      handle: (ctx, { params, body }) => confirmSignUp(deps, ctx, params.sign_up_id, body),
    }),
  ]
}
