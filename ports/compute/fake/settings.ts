import { z } from 'zod'

/** What a fake provider can be told where it is configured; tests give more to `createFakeProvider`. */
export const fakeSettings = z
  .strictObject({
    /** `serve`: each running instance answers HTTP on loopback. */
    endpoint: z.enum(['nowhere', 'serve']).default('serve'),
    startMs: z.int().min(0).default(0),
  })
  .readonly()
