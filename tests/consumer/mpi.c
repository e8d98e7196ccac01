/* SPDX-License-Identifier: BSD-3-Clause */
/* That libvcol-mpi is linked: what this calls is in it. Needs no MPI_Init. */
#include <vcol/mpi.h>

int consumer_mpi(void);
int consumer_mpi(void)
{
    vcol_mpi_options o;
    vcol_mpi_options_init(&o, sizeof o);
    return o.struct_size == sizeof o && vcol_mpi_run != 0 ? 0 : 1;
}
