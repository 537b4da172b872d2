import { posix } from 'node:path'
import { z } from 'zod'
import { identifier } from './fields.ts'

const plainName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'must be a plain name' })
const absolutePath = z.string().regex(/^\/[^\0]*$/, { error: 'must be an absolute path' })
/** As Kubernetes names objects and drivers. */
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, { error: 'must be a name of lower-case letters, digits, - and .' })
const subPath = z
  .string()
  .min(1)
  .max(1_000)
  .refine((path) => !path.includes('\0') && !path.startsWith('/') && posix.normalize(path) === path, {
    error: 'must be a relative path in its shortest form',
  })
  .refine((path) => !path.split('/').includes('..'), { error: 'must not lead out of its volume' })

const volume = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('claim'), claim: objectName, subPath: subPath.optional() }),
  z.strictObject({
    kind: z.literal('nfs'),
    server: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/, { error: 'must be a host' }),
    path: absolutePath,
  }),
  z.strictObject({
    kind: z.literal('csi'),
    driver: objectName,
    attributes: z.record(z.string().min(1), z.string()).optional(),
    fsType: z
      .string()
      .regex(/^[a-z0-9]{1,16}$/, { error: 'must be the name of a file system' })
      .optional(),
  }),
])

/** One of the two. */
export const sourceOf = { hostPath: absolutePath.optional(), volume: volume.optional() }

/** What a dataset, workspace or experiment is at one provider: a directory or a volume. Without a project it is everybody's. */
export const storageSource = z
  .strictObject({
    kind: z.enum(['dataset', 'workspace', 'experiment']),
    id: plainName,
    projectId: identifier.optional(),
    providerId: identifier,
    ...sourceOf,
    modes: z.array(z.enum(['ro', 'rw'])).min(1),
  })
  .refine((source) => (source.hostPath === undefined) !== (source.volume === undefined), {
    path: ['hostPath'],
    error: 'must be set, or volume in its place, and not both',
  })
