using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using FlowCut.Models;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Benchmarking;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut bench: the parts of a model, unpruned and at each budget, interleaved in one run.</summary>
internal sealed class BenchCommand
{
    private const string Vision = "vision", CropByCrop = "crop by crop";

    private readonly Option<string?> _model = new("--model") { Description = "A model's folder.", HelpName = "DIR" };
    private readonly Option<string?> _synthetic = new("--synthetic") { Description = $"Random weights of true shapes: {string.Join(" or ", ModelBenchmark.SyntheticNames)}.", HelpName = "NAME" };
    private readonly Option<string?> _tower = new("--vision-tower") { Description = "Folder of the CLIP tower, for the authors' own LLaVA layout.", HelpName = "DIR" };
    private readonly Option<int?> _layers = new("--layers") { Description = "Decoder layers to make of a synthetic model; times are scaled to all of them.", HelpName = "N" };
    private readonly Option<string?> _keep = new("--keep") { Description = "Budgets, joined by commas; by default 192,128,64, or a half to an eighth of a smaller picture.", HelpName = "N,N,..." };
    private readonly Option<string> _method = new("--method") { Description = "Pruning method.", HelpName = "NAME", DefaultValueFactory = _ => "flowcut" };
    private readonly Option<int> _text = new("--text-tokens") { Description = "Tokens of the prompt's text.", HelpName = "N", DefaultValueFactory = _ => 40 };
    private readonly Option<string?> _prompts = new("--prompts") { Description = "Lengths of further prompts to time, pictures of other models say, joined by commas.", HelpName = "N,N,..." };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Measured rounds, after one that is not.", HelpName = "N", DefaultValueFactory = _ => 7 };
    private readonly Option<string> _device = new("--device") { Description = "auto, cpu, cuda[:n] or sim.", DefaultValueFactory = _ => "auto" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public static Command Create()
    {
        var arguments = new BenchCommand();
        var command = new Command("bench", "Time vision, prefill and decode, unpruned and at each budget.")
        {
            arguments._model, arguments._synthetic, arguments._tower, arguments._layers, arguments._keep,
            arguments._method, arguments._text, arguments._prompts, arguments._rounds, arguments._device, arguments._json,
        };
        command.SetAction((parsed, cancellation) => arguments.Run(parsed, cancellation));
        return command;
    }

    private Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var (folder, synthetic) = (parsed.GetValue(_model), parsed.GetValue(_synthetic));
        if (folder is null == synthetic is null) throw new InputException("bench takes either --model DIR or --synthetic NAME");
        if (folder is not null && parsed.GetValue(_layers) is not null) throw new InputException("--layers is for --synthetic; a checkpoint runs all of its layers");
        var rounds = parsed.GetValue(_rounds);
        if (rounds < 1) throw new InputException($"--rounds is 1 or more, not {rounds}");
        var text = parsed.GetValue(_text);
        if (text < 1) throw new InputException($"--text-tokens is 1 or more, not {text}");
        using var backend = DeviceChoice.Parse(parsed.GetValue(_device)!, "auto").Open(StoredType.Float16);
        // first of all: it takes memory of its own for a moment
        var ceilings = backend.MeasureCeilings();
        using var benchmark = folder is not null
            ? ModelBenchmark.Open(folder, parsed.GetValue(_tower), backend)
            : ModelBenchmark.Synthetic(synthetic!, parsed.GetValue(_layers), backend);
        var wholeModel = benchmark.WholeLayers;
        var rows = Rows(benchmark, Strategies(parsed, benchmark.BudgetTokens, random: synthetic is not null), text, wholeModel, cancellation);
        if (parsed.GetValue(_prompts) is { } prompts && benchmark.Language is { } language)
        {
            foreach (var tokens in OptionList.Numbers("--prompts", prompts, language.ContextLength))
                rows.Add(new BenchRow("prompt", tokens, () => benchmark.RunPrefill(tokens, wholeModel, cancellation)));
        }

        // one warm-up, then every row once per round, so that a slower spell of the machine meets all alike
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var row in rows)
            {
                cancellation.ThrowIfCancellationRequested();
                row.Run(measured: round > 0);
            }
        }

        var run = new BenchRun(synthetic ?? folder!, backend, text, (backend as CudaBackend)?.PeakBytes ?? AnswerReport.PeakBytes(), ceilings);
        Console.Write(parsed.GetValue(_json) ? ToJson(run, benchmark, rows) : ToTable(run, benchmark, rows));
        return Task.FromResult(ExitStatus.Done);
    }

    private static List<BenchRow> Rows(ModelBenchmark benchmark, List<IPruningStrategy?> strategies, int text, int wholeModel, CancellationToken cancellation)
    {
        var rows = new List<BenchRow>();
        foreach (var strategy in strategies)
        {
            rows.Add(new BenchRow(Vision, Tokens(benchmark, strategy), () => benchmark.RunVision(strategy, cancellation))
            {
                Flops = strategy is null ? benchmark.VisionFlops() : null,
            });
        }

        // what it is worth that the crops of a picture are one batch
        if (benchmark.Crops > 1) rows.Add(new BenchRow(CropByCrop, benchmark.PictureTokens, () => benchmark.RunVisionOneByOne(null, cancellation)));
        if (benchmark.Language is null) return rows;
        foreach (var strategy in strategies)
        {
            var keep = Tokens(benchmark, strategy);
            rows.Add(new BenchRow("prefill", keep, () => benchmark.RunPrefill(strategy, text, wholeModel, cancellation)));
        }

        foreach (var strategy in strategies)
        {
            var keep = Tokens(benchmark, strategy);
            rows.Add(new BenchRow("decode", keep, () => benchmark.RunDecode(keep + text, cancellation)) { Bytes = benchmark.DecodeBytes() });
        }

        return rows;
    }

    /// <summary>Visual tokens that are left; a budget is of each tile where tiles are pruned by themselves.</summary>
    private static int Tokens(ModelBenchmark benchmark, IPruningStrategy? strategy) =>
        strategy is null ? benchmark.PictureTokens : strategy.Keep * (benchmark.PictureTokens / benchmark.BudgetTokens);

    private List<IPruningStrategy?> Strategies(ParseResult parsed, int patches, bool random)
    {
        var method = PruningMethod.Find(parsed.GetValue(_method)!);
        // random weights have an entropy ratio near 1 and would drop nothing before the last event
        var settings = random && method.Options.Any(o => o.Name == "schedule")
            ? new Dictionary<string, string> { ["schedule"] = "profile" }
            : new Dictionary<string, string>();
        var strategies = new List<IPruningStrategy?> { null };
        foreach (var keep in OptionList.Budgets(parsed.GetValue(_keep) ?? DefaultBudgets(patches), patches)) strategies.Add(method.Create(keep, settings));
        return strategies;
    }

    private static string DefaultBudgets(int patches) => patches > 192 ? "192,128,64" : $"{Math.Max(1, patches / 2)},{Math.Max(1, patches / 4)},{Math.Max(1, patches / 8)}";

    private static string ToTable(BenchRun run, ModelBenchmark benchmark, List<BenchRow> rows)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{run.Name} on {run.Backend.Name}: weights {benchmark.WeightBytes / 1e9:F2} GB, peak memory {run.PeakBytes / 1e9:F2} GB; ");
        text.Append(run.Ceilings is { } c ? string.Create(CultureInfo.InvariantCulture, $"ceilings measured in this run: {c.Gflops:F0} GFLOP/s, {c.GBs:F1} GB/s\n") : "a simulator: its times mean nothing\n");
        if (benchmark.Language is { } language) text.Append(CultureInfo.InvariantCulture, $"prefill: {run.TextTokens} text tokens, scaled to a whole model; decode: one token through the {language.Layers} layers that are loaded, and the head\n");
        text.Append($"{"",-12}{"visual tokens",14}{"median ms",12}{"p10",10}{"p90",10}{"speed-up",10}{"of ceiling",12}\n");
        foreach (var row in rows)
        {
            var whole = rows.First(r => r.Part == (row.Part == CropByCrop ? Vision : row.Part));
            var share = row.Share(run.Ceilings) is { } s ? s.ToString("P0", CultureInfo.InvariantCulture) : "";
            text.Append(CultureInfo.InvariantCulture, $"{row.Part,-12}{row.Keep,14}{row.Quantile(0.5),12:F1}{row.Quantile(0.1),10:F1}{row.Quantile(0.9),10:F1}{whole.Quantile(0.5) / row.Quantile(0.5),9:F2}×{share,12}\n");
        }

        return text.ToString();
    }

    private static string ToJson(BenchRun run, ModelBenchmark benchmark, List<BenchRow> rows)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("model", run.Name);
            json.WriteString("device", run.Backend.Name);
            json.WriteBoolean("simulated", run.Ceilings is null);
            json.WriteNumber("text_tokens", run.TextTokens);
            json.WriteNumber("weight_bytes", benchmark.WeightBytes);
            json.WriteNumber("peak_bytes", run.PeakBytes);
            if (run.Ceilings is { } ceilings)
            {
                json.WriteNumber("ceiling_gflops", ceilings.Gflops);
                json.WriteNumber("ceiling_gb_per_s", ceilings.GBs);
            }

            json.WriteStartArray("rows");
            foreach (var row in rows)
            {
                json.WriteStartObject();
                json.WriteString("part", row.Part);
                json.WriteNumber("visual_tokens", row.Keep);
                json.WriteNumber("median_ms", row.Quantile(0.5));
                json.WriteNumber("p10_ms", row.Quantile(0.1));
                json.WriteNumber("p90_ms", row.Quantile(0.9));
                if (row.Part == "decode") json.WriteNumber("tokens_per_s", 1000 / row.Quantile(0.5));
                if (row.Share(run.Ceilings) is { } share) json.WriteNumber("of_ceiling", share);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <param name="Name">Of the model.</param>
    /// <param name="Backend">What computed.</param>
    /// <param name="TextTokens">Of the prompts.</param>
    /// <param name="PeakBytes">Of device memory, or of the process on the CPU.</param>
    /// <param name="Ceilings">Measured in the same run.</param>
    private sealed record BenchRun(string Name, Backend Backend, int TextTokens, long PeakBytes, (double Gflops, double GBs)? Ceilings);

    private sealed class BenchRow(string part, int keep, Func<double> run)
    {
        private readonly List<double> _times = [];

        public string Part => part;

        public int Keep => keep;

        public double? Flops { get; init; }

        public double? Bytes { get; init; }

        public void Run(bool measured)
        {
            var time = run();
            if (measured) _times.Add(time);
        }

        /// <summary>Nearest rank.</summary>
        public double Quantile(double q)
        {
            var sorted = _times.Order().ToList();
            return sorted[(int)Math.Round(q * (sorted.Count - 1), MidpointRounding.AwayFromZero)];
        }

        /// <summary>Share of the machine's compute or bandwidth ceiling; null where the row's work is not counted.</summary>
        public double? Share((double Gflops, double GBs)? ceilings) =>
            ceilings is not { } c ? null : Flops is { } f ? f / Quantile(0.5) / 1e6 / c.Gflops : Bytes is { } b ? b / Quantile(0.5) / 1e6 / c.GBs : null;
    }
}
