// Nothing to call: linking this target tells ThreadSanitizer about the locks of the Swift library.
#pragma once
