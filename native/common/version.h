#ifndef SLIPWAY_VERSION_H
#define SLIPWAY_VERSION_H

/* That of package.json. */
#define SLIPWAY_VERSION "0.1.0"

#endif
