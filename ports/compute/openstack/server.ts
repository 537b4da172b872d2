import type { InstanceSpec } from '../provider.ts'
import { markWords } from '../marks.ts'
import { metadataOf, portsWord } from './names.ts'
import type { OpenstackSettings } from './settings.ts'

/** What stands around the server, and what it is made of, by the cloud's own ids. */
export interface Parts {
  readonly flavorId: string
  readonly portId: string
  /** An image of Glance, or a volume of ours that holds one. */
  readonly disk: { readonly imageId: string } | { readonly volumeId: string }
  readonly address: 'floating' | 'fixed'
  readonly userData: string
}

/** The body of `POST /servers`. The secret is in `user_data` alone. */
export function serverBody(
  spec: InstanceSpec,
  { flavorId, portId, disk, address, userData }: Parts,
  settings: Pick<OpenstackSettings, 'metadata' | 'configDrive'>,
): object {
  const terms = spec.terms.openstack
  const mapping = (volumeId: string) => ({
    block_device_mapping_v2: [
      {
        boot_index: 0,
        uuid: volumeId,
        source_type: 'volume',
        destination_type: 'volume',
        // It is removed like all else that is ours, and so seen to be gone.
        delete_on_termination: false,
      },
    ],
  })
  return {
    server: {
      name: spec.name,
      flavorRef: flavorId,
      ...('imageId' in disk ? { imageRef: disk.imageId } : mapping(disk.volumeId)),
      networks: [{ port: portId }],
      metadata: { ...settings.metadata, ...metadataOf(spec, address) },
      tags: markWords(spec.deploymentId, spec.name),
      user_data: userData,
      config_drive: settings.configDrive,
      ...(terms?.keyName === undefined ? {} : { key_name: terms.keyName }),
      ...(terms?.availabilityZone === undefined ? {} : { availability_zone: terms.availabilityZone }),
    },
  }
}

export interface Objection {
  readonly code: 'template_unfit'
  readonly detail: string
}

/** What this driver cannot do for anybody; `null` where there is nothing. */
export function objection(spec: InstanceSpec, settings: Pick<OpenstackSettings, 'siteNetworks'>): Objection | null {
  const unfit = (detail: string): Objection => ({ code: 'template_unfit', detail })
  const terms = spec.terms.openstack
  if (terms === undefined || !Object.hasOwn(terms.flavors, spec.size))
    return unfit(`the template names no flavor for the size ${spec.size}`)
  if (spec.mounts.length > 0) return unfit('nothing can be mounted in a machine of this provider')
  if (portsWord(spec).length > 255) return unfit('its doors have more ports than Nova keeps words for')
  if (spec.egress === 'site' && settings.siteNetworks.length === 0) return unfit('this provider has no site networks')
  return null
}
