using FlowCut.Models.Backends;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>LLaVA-NeXT (v1.6): LLaVA-1.5 with pictures as the whole and the tiles of a grid (spec/models.md, section 5.2).</summary>
internal sealed class LlavaNextFamily : LlavaFamily
{
    private readonly Lazy<AnyResPreprocessor> _tiles;

    public LlavaNextFamily(string folder, JsonSection config, LlavaLayout layout)
        : base(folder, config, layout)
    {
        config.Expect("mm_patch_merge_type", "spatial_unpad", required: layout.Name == "original");
        if (!config.Bool("use_image_newline_parameter", true)) throw config.Error("'use_image_newline_parameter' is false, which is not supported");
        _tiles = new(OpenTiles);
        var pinpoints = config.Pairs("image_grid_pinpoints");
        int size = layout.Vision.ImageSize, side = layout.Vision.PatchesPerSide;
        foreach (var (first, second) in pinpoints)
        {
            if (first % size != 0 || second % size != 0) throw config.Error($"'image_grid_pinpoints' holds [{first}, {second}], expected multiples of the tile of {size} pixels");
        }

        // a grid that is filled, with a newline behind each row
        var tokens = pinpoints.SelectMany(p => new[] { p, (First: p.Second, Second: p.First) }).Max(p => (p.Second / size * side) * (p.First / size * side + 1));
        Description = base.Description with
        {
            Family = "LLaVA-NeXT",
            Form = PictureForm.AnyRes,
            PictureTokens = layout.Vision.Patches + tokens,
            PictureCrops = 1 + pinpoints.Max(p => p.First / size * (p.Second / size)),
        };
    }

    public override ModelDescription Description { get; }

    public override string NewlineName => "image_newline";

    public override int BudgetTokens(RgbImage picture, PictureOptions options) =>
        BudgetTokens(_tiles.Value.Layout(picture.Width, picture.Height, options.Mode).Remaining(Description.Vision.PatchesPerSide));

    public override PreprocessedPicture Prepare(RgbImage picture, PictureOptions options)
    {
        RefuseLimits(options);
        var vision = Description.Vision;
        var layout = _tiles.Value.Layout(picture.Width, picture.Height, options.Mode);
        var remaining = layout.Remaining(vision.PatchesPerSide);
        return new PreprocessedPicture(_tiles.Value.Prepare(picture, options.Mode, vision.PatchSize), BudgetTokens(remaining))
        {
            Layout = layout,
            Remark = remaining.IsEmpty ? $"{picture.Title} is so narrow that no patch of its tiles remains: the whole picture's {vision.Patches} tokens are all that is used" : null,
        };
    }

    public override EncodedPicture[] Encode(ModelParts parts, IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation)
    {
        var encoded = new List<EncodedPicture>();
        try
        {
            foreach (var picture in pictures)
            {
                var crops = EncodedCrops.Run(parts, picture.Crops, strategy, trace, TraceForm.Crops, cancellation);
                encoded.Add(Assemble(parts, picture, crops, withNewlines: strategy is not { PrunesEncoder: true }));
            }

            return [.. encoded];
        }
        catch
        {
            foreach (var picture in encoded) picture.Dispose();
            throw;
        }
    }

    protected override void CheckPreprocessor() => _ = _tiles.Value;

    private int BudgetTokens(Part remaining) => Description.Vision.Patches + (remaining.IsEmpty ? 0 : remaining.Width * remaining.Height);

    private AnyResPreprocessor OpenTiles()
    {
        var tiles = AnyResPreprocessor.Load(PreprocessorFile, Config);
        CheckSize(tiles.Size);
        return tiles;
    }

    /// <summary>The whole picture's tokens first, then those of the tiles as one map without its padding, row by row, each row with a newline behind it.</summary>
    private EncodedPicture Assemble(ModelParts parts, PreprocessedPicture picture, EncodedCrops crops, bool withNewlines)
    {
        var backend = parts.Backend;
        try
        {
            var (rows, numbers, unpruned) = Order(picture.Layout!, crops, withNewlines);
            var sources = Array.ConvertAll(rows, row => Source(row, crops.Starts));
            var source = crops.Tokens;
            using var order = backend.AllocateIndices(rows.Length);
            backend.Upload(rows, order);
            var tokens = backend.Allocate(rows.Length, source.Columns);
            var withNewline = backend.Allocate(source.Rows + 1, source.Columns);
            backend.Copy(source, withNewline.SliceRows(0, source.Rows));
            backend.Copy(parts.Newline!.Value, withNewline.SliceRows(source.Rows, 1));
            backend.GatherRows(withNewline, new IndexView(order, 0, rows.Length), tokens);
            withNewline.Buffer.Dispose();
            return new EncodedPicture(tokens, crops.Records, numbers, unpruned, sources);
        }
        finally
        {
            crops.Tokens.Buffer.Dispose();
        }
    }

    /// <summary>The crop of a token, and its place there; a newline is of none.</summary>
    private static (int Crop, int Token) Source(int row, int[] starts)
    {
        var crop = 0;
        while (crop < starts.Length - 1 && row >= starts[crop + 1]) crop++;
        return crop < starts.Length - 1 ? (crop, row - starts[crop]) : (-1, 0);
    }

    /// <summary>Rows of the crops' tokens in the order of the prompt (one behind the last stands for a newline), their numbers among all tokens of the unpruned picture, and how many those are.</summary>
    private (int[] Rows, int[] Numbers, int Unpruned) Order(AnyResLayout layout, EncodedCrops crops, bool withNewlines)
    {
        int side = Description.Vision.PatchesPerSide, patches = side * side, newline = crops.Tokens.Rows;
        var remaining = layout.Remaining(side);
        // where each patch of the map of tiles lies among the crops' tokens
        var map = new int[layout.Rows * side, layout.Columns * side];
        for (var row = 0; row < map.GetLength(0); row++)
            for (var column = 0; column < map.GetLength(1); column++) map[row, column] = -1;
        for (var tile = 0; tile < layout.Rows * layout.Columns; tile++)
        {
            var kept = crops.Records[tile + 1].Kept;
            for (var i = 0; i < kept.Length; i++)
                map[tile / layout.Columns * side + kept[i] / side, tile % layout.Columns * side + kept[i] % side] = crops.Starts[tile + 1] + i;
        }

        var rows = new List<int>();
        var numbers = new List<int>();
        for (var i = 0; i < crops.Records[0].Kept.Length; i++) Take(i, crops.Records[0].Kept[i]);
        var (height, width) = remaining.IsEmpty ? (0, 0) : (remaining.Height, remaining.Width);
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                var token = map[remaining.Top + row, remaining.Left + column];
                if (token >= 0) Take(token, patches + row * (width + 1) + column);
            }

            if (withNewlines) Take(newline, patches + row * (width + 1) + width);
        }

        return ([.. rows], [.. numbers], patches + height * (width + 1));

        void Take(int row, int number)
        {
            rows.Add(row);
            numbers.Add(number);
        }
    }
}
