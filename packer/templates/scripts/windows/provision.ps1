# The steps of a Windows image: the same as scripts/linux has, in one file. Each is announced, so
# that a log tells which has failed and how long each took.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$work = 'C:\Windows\Temp\workerkit'
$image = Join-Path $work 'image'
if (-not (Test-Path $image)) { $image = $work }

function Invoke-Checked([string]$What, [scriptblock]$Do) {
    $global:LASTEXITCODE = 0
    & $Do
    if ($LASTEXITCODE -ne 0) { throw "${What}: exit code $LASTEXITCODE" }
}

function Read-List([string]$Name) {
    $path = Join-Path $image $Name
    if (Test-Path $path) { Get-Content -Encoding UTF8 $path | Where-Object { $_ -ne '' } }
}

function Start-Step([string]$Name) {
    $script:step = $Name
    Write-Output "==> step $Name"
}
trap { [Console]::Error.WriteLine("provision: step $step has failed: $_"); exit 1 }

# One whose digest is not the expected one ends the build.
Start-Step 'downloads'
foreach ($line in Read-List 'downloads') {
    $sum, $mode, $unpack, $path, $url = $line -split "`t"
    $shown = $url -replace '[?#].*', '' # what is behind may be a signature
    $got = Join-Path $env:TEMP 'workerkit-download'
    Invoke-WebRequest -UseBasicParsing -Uri $url -OutFile $got
    $have = (Get-FileHash -Algorithm SHA256 $got).Hash.ToLowerInvariant()
    if ($have -ne $sum) { throw "downloads: ${shown}: its sha256 is $have, and should be $sum" }
    if ($unpack -eq 'yes') {
        New-Item -ItemType Directory -Force $path | Out-Null
        Invoke-Checked "unpack $shown" { tar.exe -x -f $got -C $path }
    } else {
        New-Item -ItemType Directory -Force (Split-Path $path) | Out-Null
        Copy-Item -Force $got $path
    }
    Remove-Item $got
}

Start-Step 'files'
foreach ($line in Read-List 'files.list') {
    $mode, $owner, $group, $name, $path = $line -split "`t"
    New-Item -ItemType Directory -Force (Split-Path $path) | Out-Null
    Copy-Item -Force (Join-Path $image "files\$name") $path
}

Start-Step 'worker'
# Two programs, the runner's configuration, and a task that starts it at boot.
$programs = 'C:\Program Files\workerkit'
$data = 'C:\ProgramData\start-worker'
$workerData = 'C:\ProgramData\generic-worker' # what is in it the system makes, at boot
New-Item -ItemType Directory -Force $programs, $data, $workerData | Out-Null
foreach ($program in 'start-worker.exe', 'generic-worker.exe') {
    Copy-Item -Force (Join-Path $work $program) $programs
    Invoke-Checked $program { & (Join-Path $programs $program) --version }
}
$config = Join-Path $image "start-worker\$env:TARGET.yml"
if (-not (Test-Path $config)) { $config = Join-Path $image 'start-worker\default.yml' }
Copy-Item -Force $config (Join-Path $data 'start-worker.yml')
foreach ($folder in $data, $workerData) { # everybody may make files in new folders there
    Invoke-Checked 'icacls' { icacls.exe $folder /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null }
}

# At boot: the key that signs artifacts when there is none, then the worker.
$boot = @'
$key = 'C:\ProgramData\generic-worker\ed25519.key'
$programs = 'C:\Program Files\workerkit'
if (-not (Test-Path $key)) { & "$programs\generic-worker.exe" new-ed25519-keypair --file $key }
Set-Location 'C:\ProgramData\generic-worker'
if (Test-Path 'C:\ProgramData\start-worker\environment.ps1') { . 'C:\ProgramData\start-worker\environment.ps1' }
& "$programs\start-worker.exe" 'C:\ProgramData\start-worker\start-worker.yml' *>> 'C:\ProgramData\start-worker\start-worker.log'
exit $LASTEXITCODE
'@
Set-Content -Encoding UTF8 (Join-Path $data 'boot.ps1') $boot
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -ExecutionPolicy Bypass -File $data\boot.ps1"
$settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero)
Register-ScheduledTask -Force -TaskName 'start-worker' -User 'SYSTEM' -RunLevel Highest `
    -Action $action -Trigger (New-ScheduledTaskTrigger -AtStartup) -Settings $settings | Out-Null

$variables = Join-Path $image 'environment.ps1'
if (Test-Path $variables) { Copy-Item -Force $variables $data }

Start-Step 'harden'
# The metadata service is closed to everybody but administrators and the system.
if ((Read-List 'settings') -contains 'BLOCK_METADATA=yes') {
    New-NetFirewallRule -Name 'workerkit-metadata' -DisplayName 'Metadata closed to task users' -Direction Outbound `
        -Action Block -Protocol TCP -RemotePort 80 -RemoteAddress 169.254.169.254 -LocalUser 'D:(A;;CC;;;BU)' | Out-Null
}

Start-Step 'scripts'
# The image's own scripts, each with its variables alone.
foreach ($script in Get-ChildItem (Join-Path $image 'scripts') -Filter '*.script' -ErrorAction SilentlyContinue | Sort-Object Name) {
    Write-Output "running $($script.Name)"
    $prepared = Join-Path $env:TEMP 'script.ps1'
    $variables = "$($script.FullName).env.ps1"
    $prefix = if (Test-Path $variables) { Get-Content -Raw -Encoding UTF8 $variables } else { '' }
    $drop = "Get-ChildItem env:secret_* | Remove-Item"
    Set-Content -Encoding UTF8 $prepared ("`$ErrorActionPreference = 'Stop'`n$prefix`n$drop`n" + (Get-Content -Raw -Encoding UTF8 $script.FullName))
    Invoke-Checked $script.Name { powershell.exe -NoProfile -ExecutionPolicy Bypass -File $prepared }
    Remove-Item $prepared
}

Start-Step 'services'
foreach ($line in Read-List 'services') {
    $enabled, $name = $line -split ' ', 2
    Set-Service -Name $name -StartupType $(if ($enabled -eq 'yes') { 'Automatic' } else { 'Disabled' })
}

# All of them run, and then it is said which have failed.
Start-Step 'tests'
$results = @()
$failed = @()
foreach ($test in Get-ChildItem (Join-Path $image 'tests') -Filter '*.test' -ErrorAction SilentlyContinue | Sort-Object Name) {
    $prepared = Join-Path $env:TEMP 'test.ps1'
    Copy-Item -Force $test.FullName $prepared
    Write-Output "test $($test.BaseName)"
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $global:LASTEXITCODE = 0
    powershell.exe -NoProfile -ExecutionPolicy Bypass -File $prepared
    $result = if ($LASTEXITCODE -eq 0) { 'passed' } else { 'failed' }
    $took = $watch.Elapsed.TotalSeconds.ToString('0.000', [Globalization.CultureInfo]::InvariantCulture)
    if ($result -eq 'failed') { $failed += $test.BaseName }
    Write-Output "test $($test.BaseName): $result, $took s"
    $results += "$($test.BaseName)`t$result`t$took"
    Remove-Item $prepared
}
[IO.File]::WriteAllLines((Join-Path $work 'tests.tsv'), [string[]]$results)
if ($failed) { throw "tests: failed: $failed" }

Start-Step 'inventory'
$inventory = @(& (Join-Path $work 'windows\inventory.ps1'))
[IO.File]::WriteAllLines((Join-Path $work 'inventory.txt'), [string[]]$inventory) # UTF-8 without a mark
