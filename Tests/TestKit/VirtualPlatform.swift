// Files in memory, a clock moved by hand, seeds.
@_exported public import VirtualPlatform
