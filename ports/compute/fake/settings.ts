import { z } from 'zod'

/** What a fake provider can be told where it is configured; tests give more to `createFakeProvider`. */
export const fakeSettings = z
  .strictObject({
    /** `serve`: each running instance answers HTTP on loopback. */
    endpoint: z.enum(['nowhere', 'serve']).default('serve'),
    startMs: z.int().min(0).default(0),
    /** Takes what sessions mount, and does nothing with it. */
    mounts: z.boolean().default(false),
    /** What its check asks for; whatever it is, `refused` is refused. */
    password: z.string().min(1).max(1_000).optional(),
  })
  .readonly()

/** What it can be told by the API: the same, the password apart. */
export const fakeApiSettings = z.strictObject({
  endpoint: z.enum(['nowhere', 'serve']).default('serve'),
  startMs: z.int().min(0).default(0),
})

export const fakeSecretFields = ['password'] as const
