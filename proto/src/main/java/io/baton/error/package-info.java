/**
 * The domain errors of Baton and their one mapping to gRPC and HTTP statuses. Nothing else lives beside the generated
 * messages.
 */
package io.baton.error;
