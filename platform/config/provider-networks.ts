import { z } from 'zod'
import { cidr, listOf } from './fields.ts'

/** Where providers that are made through the API may lie: their backends, and their sessions. None unless somebody says so. */
export const providerNetworksPart = z
  .object({ CARREL_PROVIDER_NETWORKS: listOf(cidr).default([]) })
  .transform((env) => env.CARREL_PROVIDER_NETWORKS)
