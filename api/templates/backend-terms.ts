import { z } from '@hono/zod-openapi'
import type { BackendTerms } from '../../domain/backend-terms.ts'
import { mountPlace } from '../fields.ts'

const word = z
  .string()
  .max(253)
  .regex(/^[\x21-\x7e]+$/, 'Expected one word.')
const labelKey = word.regex(
  /^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/,
  'Expected the key of a label.',
)
const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/, 'Expected the value of a label.')
const slurmName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/, 'Expected a name of Slurm.')

const Toleration = z.strictObject({
  key: labelKey.optional(),
  operator: z.enum(['Equal', 'Exists']),
  value: labelValue.optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
})

const KubernetesTerms = z.strictObject({
  nodeSelector: z.record(labelKey, labelValue).optional(),
  tolerations: z.array(Toleration).max(20).optional(),
  gpuResource: z
    .string()
    .max(300)
    .regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 'Expected the name of a resource.')
    .optional()
    .openapi({ description: 'What a GPU is called there', example: 'nvidia.com/gpu' }),
  workspace: z
    .strictObject({
      target: mountPlace,
      storageClass: word.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'Expected the name of a class.').optional(),
    })
    .optional()
    .openapi({ description: 'A volume of the size’s disk that lasts as long as the session, also while it is paused' }),
})

const OpenstackTerms = z.strictObject({
  flavors: z
    .record(z.string().max(32), z.string().min(1).max(255))
    .openapi({ description: 'The flavour of each size, by its name there' }),
  boot: z.enum(['image', 'volume']).optional(),
  keyName: z.string().min(1).max(255).optional(),
  availabilityZone: z.string().min(1).max(255).optional(),
  userData: z
    .string()
    .max(16_000)
    .optional()
    .openapi({ description: 'What cloud-init runs; `{report}` stands for the command that reports the instance' }),
})

const SlurmTerms = z.strictObject({
  partition: slurmName.optional(),
  account: slurmName.optional(),
  qos: slurmName.optional(),
  gres: slurmName.optional().openapi({ description: 'What a GPU is called there', example: 'gpu:a100' }),
})

const LinkTerms = z.strictObject({
  url: z
    .string()
    .max(2_000)
    .regex(/^https?:\/\/.*$/, 'Expected a URL.')
    .openapi({
      description: '`{session}`, `{account}`, `{project}` and `{parameter.NAME}` are replaced, percent-encoded',
    }),
})

const HandoverTerms = z
  .record(z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,62}$/, 'Expected a short name.'), z.string().max(1_000))
  .refine((terms) => Object.keys(terms).length <= 50, 'Expected at most 50.')
  .openapi({ description: 'Told to the provisioner as it stands; not secret', example: { pool: 'windows-11' } })

/** What names things at a backend, by kind of provider. */
export const BackendTermsFields = z
  .strictObject({
    kubernetes: KubernetesTerms.optional(),
    openstack: OpenstackTerms.optional(),
    slurm: SlurmTerms.optional(),
    link: LinkTerms.optional(),
    handover: HandoverTerms.optional(),
  })
  .openapi('BackendTerms')

/** As the domain has it: what JSON leaves out is not there, at whatever depth, and no member is `undefined`. */
export const backendTermsOf = (fields: z.output<typeof BackendTermsFields>): BackendTerms => fields as BackendTerms
