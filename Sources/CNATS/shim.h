#ifndef MOONDANCE_CNATS_SHIM_H
#define MOONDANCE_CNATS_SHIM_H

#include <nats/nats.h>

#endif
