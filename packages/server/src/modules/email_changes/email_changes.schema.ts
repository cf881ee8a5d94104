import { z } from 'zod'
import { currentPassword } from '../../access/sign_in_limits.ts'
import { emailAddress } from '../../lib/email_address.ts'

export const NewAddress = z
  .strictObject({
    email: emailAddress,
    current_password: currentPassword,
  })
  .meta({ id: 'NewAddress' })

export const AddressToken = z
  .strictObject({ token: z.string().min(1).max(512) })
  .meta({ id: 'AddressToken' })

export const VerifiedAddress = z.object({ email: z.string() }).meta({ id: 'VerifiedAddress' })
