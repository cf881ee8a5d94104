import { z } from 'zod'

export const ForgottenPassword = z
  .strictObject({ email: z.string().min(1).max(320) })
  .meta({ id: 'ForgottenPassword' })

export const NewPassword = z
  .strictObject({
    token: z.string().min(1).max(512),
    new_password: z.string().max(4096),
  })
  .meta({ id: 'NewPassword' })

export const Message = z.object({ message: z.string() }).meta({ id: 'Message' })
