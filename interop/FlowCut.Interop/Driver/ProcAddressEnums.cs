namespace FlowCut.Interop;

/// <summary>Which variant of an entry point is wanted (<c>CUdriverProcAddress_flags</c>).</summary>
[Flags]
public enum ProcAddressFlags
{
    Default = 0,
    LegacyStream = 1,
    PerThreadDefaultStream = 2,
}

/// <summary>Whether the driver has an entry point (<c>CUdriverProcAddressQueryResult</c>).</summary>
public enum ProcAddressStatus
{
    Success = 0,
    SymbolNotFound = 1,
    VersionNotSufficient = 2,
}
