namespace FlowCut.Interop;

/// <summary>What follows the product in the same kernel (<c>cublasLtEpilogue_t</c>).</summary>
public enum CublasLtEpilogue
{
    Default = 1,
    Relu = 2,
    Bias = 4,
    ReluBias = 6,
    Gelu = 32,
    GeluBias = 36,
    ReluAux = 130,
    ReluAuxBias = 134,
    DRelu = 136,
    DReluBgrad = 152,
    GeluAux = 160,
    GeluAuxBias = 164,
    DGelu = 192,
    DGeluBgrad = 208,
    BgradA = 256,
    BgradB = 512,
}

/// <summary>Memory order of a matrix (<c>cublasLtOrder_t</c>).</summary>
public enum CublasLtOrder
{
    Col = 0,
    Row = 1,
    Col32 = 2,
}

/// <summary>Where alpha and beta lie (<c>cublasLtPointerMode_t</c>).</summary>
public enum CublasLtPointerMode
{
    Host = 0,
    Device = 1,
    DeviceVector = 2,
    AlphaDeviceVectorBetaZero = 3,
    AlphaDeviceVectorBetaHost = 4,
}

/// <summary>How the parts of a split-K product may be summed (<c>cublasLtReductionScheme_t</c>).</summary>
[Flags]
public enum CublasLtReductionSchemes
{
    None = 0,
    InPlace = 1,
    ComputeType = 2,
    OutputType = 4,
    Mask = 7,
}

/// <summary>How the heuristic searches (<c>cublasLtMatmulSearch_t</c>).</summary>
public enum CublasLtMatmulSearch
{
    BestFit = 0,
    LimitedByAlgoId = 1,
}

/// <summary>Property of a product (<c>cublasLtMatmulDescAttributes_t</c>).</summary>
public enum CublasLtMatmulDescAttribute
{
    ComputeType = 0,
    ScaleType = 1,
    PointerMode = 2,
    TransA = 3,
    TransB = 4,
    TransC = 5,
    FillMode = 6,
    Epilogue = 7,
    BiasPointer = 8,
    BiasBatchStride = 10,
    EpilogueAuxPointer = 11,
    EpilogueAuxLd = 12,
    EpilogueAuxBatchStride = 13,
    AlphaVectorBatchStride = 14,
    SmCountTarget = 15,
    AScalePointer = 17,
    BScalePointer = 18,
    CScalePointer = 19,
    DScalePointer = 20,
    AmaxDPointer = 21,
    EpilogueAuxDataType = 22,
    EpilogueAuxScalePointer = 23,
    EpilogueAuxAmaxPointer = 24,
    FastAccum = 25,
    BiasDataType = 26,
    /// <summary>CUDA 12 only.</summary>
    AtomicSyncNumChunksDRows = 27,
    /// <summary>CUDA 12 only.</summary>
    AtomicSyncNumChunksDCols = 28,
    /// <summary>CUDA 12 only.</summary>
    AtomicSyncInCountersPointer = 29,
    /// <summary>CUDA 12 only.</summary>
    AtomicSyncOutCountersPointer = 30,
    AScaleMode = 31,
    BScaleMode = 32,
    CScaleMode = 33,
    DScaleMode = 34,
    EpilogueAuxScaleMode = 35,
    DOutScalePointer = 36,
    DOutScaleMode = 37,
    /// <summary>CUDA 13 only.</summary>
    EmulationDescriptor = 38,
}

/// <summary>Property of a matrix (<c>cublasLtMatrixLayoutAttribute_t</c>).</summary>
public enum CublasLtMatrixLayoutAttribute
{
    Type = 0,
    Order = 1,
    Rows = 2,
    Cols = 3,
    Ld = 4,
    BatchCount = 5,
    StridedBatchOffset = 6,
    PlaneOffset = 7,
    BatchMode = 8,
}

/// <summary>Limit of the heuristic search (<c>cublasLtMatmulPreferenceAttributes_t</c>).</summary>
public enum CublasLtMatmulPreferenceAttribute
{
    SearchMode = 0,
    MaxWorkspaceBytes = 1,
    ReductionSchemeMask = 3,
    MinAlignmentABytes = 5,
    MinAlignmentBBytes = 6,
    MinAlignmentCBytes = 7,
    MinAlignmentDBytes = 8,
    MaxWavesCount = 9,
    ImplMask = 12,
}

/// <summary>Setting of an algorithm (<c>cublasLtMatmulAlgoConfigAttributes_t</c>).</summary>
public enum CublasLtAlgoConfigAttribute
{
    Id = 0,
    TileId = 1,
    SplitKNum = 2,
    ReductionScheme = 3,
    CtaSwizzling = 4,
    CustomOption = 5,
    StagesId = 6,
    InnerShapeId = 7,
    ClusterShapeId = 8,
}
